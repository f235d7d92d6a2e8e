"""`sif bench lineage`: what the invariants of weights show of copies, and what of everybody else.

1. Copies are stolen from each family's source, and from a bundled vision model. 2. Each of them,
and every innocent, is compared with the source, part by part. 3. One table: the least that a copy
shows, the most that an innocent shows, and the area under the curve between them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field

from sif.attacks.adaptive.roc import roc_of
from sif.attacks.weights.attack import WeightAttack
from sif.attacks.weights.layerwise import Noise, Prune, Round
from sif.attacks.weights.quantize import Quantize
from sif.attacks.weights.theft import steal
from sif.errors import UsageError
from sif.eval.marks.suspects import write_bundled
from sif.eval.study import Findings, Settings, Study, Workplace
from sif.eval.triggers.mini_roster import FAMILIES, mini_roster
from sif.eval.triggers.roster import Role, named
from sif.lineage.compare import NONE_SEEN, ONE_ORIGIN, Lineage, compare_folders
from sif.lineage.portrait import COMMON, RARE, PartName
from sif.markdown import MISSING, number, table
from sif.mini.architecture import Family
from sif.mini.vision.catalogue import VISION_MODELS
from sif.scale.crew import Show

VISION: Final = "vision models"
VISION_SOURCE: Final = "dino-source"
VISION_COPIES: Final[Mapping[str, WeightAttack]] = {
    "int8": Quantize(kind="int8"),
    "3-bit": Round(bits=3),
    "pruned-40": Prune(fraction=0.4),
    "noise": Noise(sigma=0.1),
}


class LineageSettings(Settings):
    """What `sif bench lineage` can be told."""

    families: tuple[Family, ...] = FAMILIES
    """Of the mini models."""
    suspects: tuple[str, ...] = Field(default=(), max_length=100)
    """Some of the roster of `sif bench triggers`; all where none is named."""
    vision_models: bool = True
    """Also compare the bundled vision models."""


class LineageRow(BaseModel):
    """One part of one model beside the source's.

    Attributes:
        likeness: none where the parts cannot be compared.
        rare_words, common_words: of a language part by each of them alone; none where it is so.
    """

    model_config = ConfigDict(frozen=True)

    family: str
    suspect: str
    role: Role
    part: PartName
    likeness: float | None
    attention: float | None
    values: float | None
    feed_forward: float | None
    rare_words: float | None
    common_words: float | None
    reading: str


def run(settings: LineageSettings, place: Workplace) -> Findings:
    """Makes the models that are missing, and compares them."""
    rows: list[LineageRow] = []
    for family in settings.families:
        rows += _family(settings, family, place)
    if settings.vision_models:
        rows += _vision_models(place)
    return Findings(summary=as_table(rows), files={"lineage.parquet": rows})


def _family(settings: LineageSettings, family: Family, place: Workplace) -> list[LineageRow]:
    roster = mini_roster(family)
    asked = named(roster.suspects, settings.suspects or None)
    entries = [one for one in asked if one.role != "source"]
    if not entries:
        raise UsageError("expected suspects beside the source, got the source alone; name more")
    source = roster.source(place.out, place.show)
    folders = {one.name: roster.model(one, place.out, place.show) for one in entries}
    roles: dict[str, Role] = {one.name: one.role for one in entries}
    return _compared(family, source, folders, roles, place.show)


def _vision_models(place: Workplace) -> list[LineageRow]:
    models = place.out / "vision" / "models"
    source = models / VISION_SOURCE
    models.mkdir(parents=True, exist_ok=True)
    folders: dict[str, Path] = {}
    with FileLock(models / ".lock"):
        write_bundled(VISION_SOURCE, source)
        for name, attack in VISION_COPIES.items():
            folders[name] = models / name
            if not folders[name].exists():
                steal(source, folders[name], [attack], device="cpu")
        for model in VISION_MODELS:
            if model.name != VISION_SOURCE:
                folders[model.name] = models / model.name
                write_bundled(model.name, folders[model.name])
    roles: dict[str, Role] = {
        name: "copy" if name in VISION_COPIES else "innocent" for name in folders
    }
    return _compared(VISION, source, folders, roles, place.show)


def _compared(
    family: str,
    source: str | Path,
    folders: Mapping[str, Path],
    roles: Mapping[str, Role],
    show: Show,
) -> list[LineageRow]:
    rows: list[LineageRow] = []
    show(f"{family}: comparing", 0, len(folders), "")
    found = compare_folders(source, list(folders.values()))
    for name, one in zip(folders, found, strict=True):
        rows += _rows(family, name, roles[name], one)
    show(f"{family}: comparing", len(folders), len(folders), "")
    return rows


def _rows(family: str, name: str, role: Role, found: Lineage) -> list[LineageRow]:
    return [
        LineageRow(
            family=family,
            suspect=name,
            role=role,
            part=part.part,
            likeness=part.likeness,
            attention=part.terms.get("attention"),
            values=part.terms.get("values"),
            feed_forward=part.terms.get("feed-forward"),
            rare_words=part.views.get(RARE),
            common_words=part.views.get(COMMON),
            reading=part.reading,
        )
        for part in found.parts
    ]


def as_table(rows: Sequence[LineageRow]) -> str:
    """For each family and part: copies, innocents, and how far they lie apart."""
    heads = ("models", "part", "copies", "least of a copy", "innocents", "most of an innocent")
    shown = []
    for family, part in dict.fromkeys((one.family, one.part) for one in rows):
        some = [one for one in rows if (one.family, one.part) == (family, part)]
        copies, innocents = (
            [one.likeness for one in some if one.role == role and one.likeness is not None]
            for role in ("copy", "innocent")
        )
        area = (
            MISSING
            if not (copies and innocents)
            else number(roc_of(np.array(innocents), np.array(copies)).auc.value, digits=3)
        )
        shown.append(
            [
                *(family, part, str(len(copies)), number(min(copies, default=None))),
                *(str(len(innocents)), number(max(innocents, default=None)), area),
            ]
        )
    read = [one for one in rows if one.likeness is not None]
    wrong = sum(
        one.reading == ("no common origin seen" if one.role == "copy" else "one origin")
        for one in read
    )
    return (
        f"{table((*heads, 'AUC'), shown)}"
        f"Read as one origin from {ONE_ORIGIN:g}, as no common origin seen up to {NONE_SEEN:g}: "
        f"{wrong} of {len(read)} wrongly, {sum(one.reading == 'unclear' for one in read)} unclear. "
        f"{sum(one.likeness is None for one in rows)} parts cannot be compared.\n"
    )


STUDY: Final = Study(
    name="lineage",
    settings=LineageSettings,
    quick={"suspects": ("3-bit", "pruned-40", "noise", "sibling", "stranger-a")},
    run=run,
    in_parts=False,
)
