"""`sif bench verdicts`: what weights of words buy, and how many questions a calibrated claim takes.

1. The source gets a fingerprint for each recipe and set of keys. 2. A panel of innocents, asked for
nothing else, calibrates each. 3. Every suspect answers every trigger. 4. For each suspect: evidence
with and without weights, questions until independence alone and until both nulls are refuted, and
the verdict of a calibrated audit. 5. With a panel of two or more, audits by each test of transfer
and for every handling of pictures, which the auditor does not know. Everything is kept in the
folder and found again.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import Field, model_validator

from sif.attacks.images import parse_image_attack
from sif.errors import UsageError
from sif.eval.study import Findings, Settings, Study, Workplace
from sif.eval.triggers.asking import kept
from sif.eval.triggers.making import Making, green_methods, makings_of
from sif.eval.triggers.mini_roster import FAMILIES, MiniRoster, mini_roster
from sif.eval.triggers.roster import named
from sif.eval.verdicts.audits import Audit, LeftOut, audits_of, left_out, left_out_table
from sif.eval.verdicts.audits import as_table as audits_table
from sif.eval.verdicts.counting import Allowance, Found, as_table, find
from sif.fingerprint.folder import FingerprintSet
from sif.mini.architecture import Family
from sif.ownership.calibrating import FEWEST_MODELS, ask_member, calibrate
from sif.scale.crew import Call, Show
from sif.types import Query, Reply

logger = logging.getLogger(__name__)

SOURCE: Final = "source"
SUSPECTS: Final = (
    SOURCE,
    "int8",
    "nf4",
    "pruned-40",
    "lora-same",
    "full-same-b",
    "full-other-world",
    "sibling",
    "sibling-b",
    "stranger-a",
    "stranger-b",
)


class VerdictSettings(Settings):
    """What `sif bench verdicts` can be told."""

    families: tuple[Family, ...] = Field(default=FAMILIES, min_length=1)
    """Of the mini models."""
    triggers: int = Field(default=24, ge=2, le=10_000)
    """Of a fingerprint."""
    seeds: int = Field(default=3, ge=1, le=1000)
    """Fingerprints of each family, each with keys of its own."""
    suspects: tuple[str, ...] = Field(default=SUSPECTS, min_length=1)
    """Some of the roster of `sif bench triggers`."""
    panel: tuple[str, ...] = Field(default=("sibling-c", "stranger-c"), min_length=1)
    """Innocents of the roster that calibrate; asked before, and not suspected."""
    methods: tuple[str, ...] = Field(default=("sif",), min_length=1)
    """Recipes, as of `sif bench triggers`; the first is that of the first table."""
    image_attacks: tuple[str, ...] = Field(default=("none",), min_length=1)
    """Handlings of pictures, in the words of `sif verify --image-attack`; none is always there."""
    leave_out: bool = False
    """Also audit every innocent with the others as panels: minutes for each fingerprint."""
    batch_size: int = Field(default=12, ge=1)
    """Triggers optimised together."""

    @model_validator(mode="after")
    def _suspects_are_others_than_the_panel(self) -> "VerdictSettings":
        if both := set(self.panel) & set(self.suspects):
            raise UsageError(
                f"expected suspects that are not in the panel, got {', '.join(sorted(both))}"
            )
        for family in self.families:
            named(mini_roster(family).suspects, self.everybody)
        green_methods(self.methods)
        for text in self.image_attacks:
            parse_image_attack(text)
        return self

    @property
    def handlings(self) -> tuple[str, ...]:
        """Plain pictures and the attacks on them."""
        return tuple(dict.fromkeys(("none", *self.image_attacks)))

    @property
    def everybody(self) -> tuple[str, ...]:
        """The panel and the suspects."""
        return (*self.panel, *self.suspects)


class FamilyFindings(NamedTuple):
    """What one family gave."""

    found: list[Found]
    allowances: list[Allowance]
    audits: list[Audit]
    left_out: list[LeftOut]


def run(settings: VerdictSettings, place: Workplace) -> Findings:
    """Runs the study, or goes on with an interrupted one."""
    each = [audit_family(settings, family, place) for family in settings.families]
    found = [row for one in each for row in one.found]
    allowances = [row for one in each for row in one.allowances]
    audits = [row for one in each for row in one.audits]
    innocents = [row for one in each for row in one.left_out]
    return Findings(
        summary=as_table(found, allowances) + audits_table(audits) + left_out_table(innocents),
        files={
            "suspects.parquet": found,
            "allowances.parquet": allowances,
            "audits.parquet": audits,
            "left-out.json": json.dumps([row.model_dump(mode="json") for row in innocents]),
        },
    )


def audit_family(settings: VerdictSettings, family: Family, place: Workplace) -> FamilyFindings:
    """Makes fingerprints, asks everybody, calibrates, and counts.

    Raises:
        StorageError: the folder holds triggers that were made with other settings.
        ModelError: the bundled weights are missing.
    """
    roster = mini_roster(family)
    makings = makings_of(
        roster,
        place,
        green_methods(settings.methods),
        seeds=range(settings.seeds),
        count=settings.triggers,
        batch_size=settings.batch_size,
    )
    names = [entry.name for entry in named(roster.suspects, settings.everybody)]
    roster.prepare(names, place.out, place.show)
    with place.crew() as hands:
        hands.run(makings)
        asked = hands.run(
            [
                Call(partial(_ask, roster, makings, place.out, it, settings.handlings))
                for it in names
            ]
        )
    told = dict(zip(names, asked, strict=True))
    audits, innocents = _audits(settings, family, makings, told, place.show)
    sets = _sets(makings)[: settings.seeds]
    answers = {name: some["none"][: settings.seeds] for name, some in told.items()}
    calibrations = [
        calibrate(
            owned,
            [ask_member(owned, _Told(name, answers[name][seed])) for name in settings.panel],
        )
        for seed, owned in enumerate(sets)
    ]
    suspects = [name for name in names if name not in settings.panel]
    found = [find(family, name, sets, answers[name], calibrations) for name in suspects]
    allowances = [
        Allowance(family=family, seed=seed, allowance=one.allowance)
        for seed, one in enumerate(calibrations)
    ]
    return FamilyFindings(found, allowances, audits, innocents)


def _audits(
    settings: VerdictSettings,
    family: Family,
    makings: Sequence[Making],
    told: Mapping[str, Mapping[str, list[list[Reply]]]],
    show: Show,
) -> tuple[list[Audit], list[LeftOut]]:
    """Audits of everybody; nothing where nobody is left to compare with."""
    audits: list[Audit] = []
    innocents: list[LeftOut] = []
    if len(settings.panel) < FEWEST_MODELS or SOURCE not in settings.suspects:
        return audits, innocents
    entries = named(mini_roster(family).suspects, settings.everybody)
    for place, (making, owned) in enumerate(zip(makings, _sets(makings), strict=True)):
        show(f"{family}: auditing", place, len(makings), making.name)
        answers = {
            name: {attack: some[place] for attack, some in replies.items()}
            for name, replies in told.items()
        }
        about = {"family": family, "method": making.method.name, "seed": making.seed}
        roles = {entry.name: entry.role for entry in entries}
        try:
            audits += audits_of(
                owned,
                about=about,
                roles=roles,
                answers=answers,
                panel=settings.panel,
                source=SOURCE,
            )
        except UsageError as error:
            logger.warning("%s, %s: no calibrated audits: %s", family, making.name, error)
        if settings.leave_out:
            unrelated = [entry.name for entry in entries if entry.role == "innocent"]
            innocents += left_out(
                owned, about=about, answers=answers, innocents=unrelated, source=SOURCE
            )
    show(f"{family}: auditing", len(makings), len(makings), "")
    return audits, innocents


def _sets(makings: Sequence[Making]) -> list[FingerprintSet]:
    return [FingerprintSet.load(making.folder) for making in makings]


def _ask(
    roster: MiniRoster,
    makings: tuple[Making, ...],
    out: Path,
    name: str,
    handlings: tuple[str, ...],
    show: Show,
) -> dict[str, list[list[Reply]]]:
    """Replies to every trigger, by handling, a list for each fingerprint."""
    sets = _sets(makings)
    queries = [trigger.query() for owned in sets for trigger in owned.triggers]
    stage, size = f"{roster.name}: asking {name}", len(queries) // len(sets)
    found: dict[str, list[list[Reply]]] = {}
    with kept(roster, name, out, show) as ask:
        for turn, attack in enumerate(handlings):

            def report(part: float, turn: int = turn, attack: str = attack) -> None:
                show(stage, turn + part, len(handlings), attack)

            replies = ask(queries, attack, report)
            found[attack] = [replies[at : at + size] for at in range(0, len(replies), size)]
    show(stage, len(handlings), len(handlings), "")
    return found


class _Told:
    """A panel's member whose replies are there already."""

    def __init__(self, name: str, replies: Sequence[Reply]) -> None:
        self.name = name
        self._replies = list(replies)

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        some, self._replies = self._replies[: len(queries)], self._replies[len(queries) :]
        return some

    def close(self) -> None:
        """Holds nothing."""


STUDY: Final = Study(
    name="verdicts",
    settings=VerdictSettings,
    quick={"families": ("llava",), "seeds": 1},
    run=run,
)
