"""What the study of ActiveMark found, as rows, and scores of methods from them.

Knows nothing of how rows come about.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sif.errors import StorageError
from sif.files import write_atomically
from sif.networks import curve

Role = Literal["copy", "removal", "innocent"]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    source: str


class Reading(_Row):
    """One hold-out image, read in one suspect.

    Attributes:
        source: the model that was marked.
        mode: the recipe.
        suspect: name in the roster.
        role: a copy, a copy after an attempt to remove the mark, or an innocent.
        image: number of the hold-out image.
        wrong: D, its wrong bits.
        bits: of a message.
        detected: whether D ≤ τ.
    """

    mode: str
    suspect: str
    role: Role
    image: int
    wrong: int
    bits: int
    detected: bool


class Suspected(_Row):
    """What is known of one suspect besides its readings.

    Attributes:
        decision: of the verdict; "other shapes" where it cannot hold a copy of these weights.
        log10_e_value: the highest.
        accuracy: share of test pictures that a tuned suspect's own head gets right; mean
            intersection over union for the segments; none of those that were not tuned.
        cosine: mean to the clean source's features, on pictures that nobody trained on; none of
            innocents.
        seconds: of one core that making it took; none of those that were there.
    """

    mode: str
    suspect: str
    role: Role
    decision: str
    log10_e_value: float
    accuracy: float | None
    cosine: float | None
    seconds: float | None


class Marking(_Row):
    """What a mark costs.

    Attributes:
        block: into which messages go, or after which the mode began.
        images: hold-out images that were kept.
        threshold: τ.
        cosine: mean to the clean features on unseen pictures.
        lowest: of these cosines.
        clean_probe: share of digits that a linear probe on the clean features gets right, by
            five-fold cross-validation.
        probe: the same of the marked features.
        seconds: of one core that the mark took, since the last start.
        extraction: seconds of one core to read the mark in the marked model.
    """

    mode: str
    block: int
    images: int
    threshold: int
    cosine: float
    lowest: float
    clean_probe: float
    probe: float
    seconds: float
    extraction: float


class BlockRow(_Row):
    """A mark whose messages go into one block (the paper's Table 1).

    Attributes:
        block: counted from 0.
        magnitude: mean of the largest activations, on the clean model.
        jump: over the block before.
        chosen: whether the profile chooses it.
        error: share of wrong bits over all hold-out images, right after marking.
        detection: share of images with D ≤ τ, right after marking.
        tuned_error: the same after fine-tuning on digits.
        tuned_detection: likewise.
        cosine: mean to the clean features on unseen pictures.
    """

    block: int
    magnitude: float
    jump: float
    chosen: bool
    error: float
    detection: float
    tuned_error: float
    tuned_detection: float
    cosine: float


class Compared(_Row):
    """What a method says of one suspect.

    Attributes:
        method: IPGuard, ADV-TRA, or a mode of ActiveMark.
        suspect: name in the roster.
        role: as in `Reading`.
        score: matching rate, detection rate of trajectories, or of images; 0 to 1.
        seconds: of one core that asking the suspect took.
    """

    method: str
    suspect: str
    role: Role
    score: float
    seconds: float


class MethodCost(_Row):
    """Seconds of one core before anybody is suspected: for embedding, or fingerprinting."""

    method: str
    seconds: float


class Rows(BaseModel):
    """Everything; results.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    readings: tuple[Reading, ...] = ()
    suspects: tuple[Suspected, ...] = ()
    markings: tuple[Marking, ...] = ()
    blocks: tuple[BlockRow, ...] = ()
    compared: tuple[Compared, ...] = ()
    costs: tuple[MethodCost, ...] = ()

    @classmethod
    def all_of(cls, parts: Iterable["Rows"]) -> "Rows":
        """All together."""
        every = [part.kinds() for part in (cls(), *parts)]
        return cls.model_validate({name: chain(*(it[name] for it in every)) for name in every[0]})

    def kinds(self) -> dict[str, tuple[BaseModel, ...]]:
        """The rows of every kind."""
        names = (name for name in type(self).model_fields if name != "schema_version")
        return {name: getattr(self, name) for name in names}


def found_again(path: Path, work: Callable[[], Rows]) -> Rows:
    """The rows of a finished part, or those that `work` makes now, kept in `path`.

    Raises:
        StorageError: the file is damaged, or the disk refuses.
    """
    if path.exists():
        try:
            return Rows.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise StorageError(
                f"expected rows of an earlier run in {path}, got a damaged file; remove it"
            ) from error
    rows = work()
    write_atomically(path, rows.model_dump_json(indent=1))
    return rows


def detection_of(readings: Sequence[Reading]) -> float:
    """Share of detected images."""
    return fmean(reading.detected for reading in readings)


def own_scores(rows: Rows) -> list[Compared]:
    """The modes of ActiveMark as methods: the share of detected images of each suspect."""
    seconds = {(row.source, row.mode): row.extraction for row in rows.markings}
    found = []
    for known in rows.suspects:
        mine = [
            row
            for row in rows.readings
            if (row.source, row.mode, row.suspect) == (known.source, known.mode, known.suspect)
        ]
        found.append(
            Compared(
                source=known.source,
                method=known.mode,
                suspect=known.suspect,
                role=known.role,
                score=detection_of(mine) if mine else 0.0,
                seconds=seconds[known.source, known.mode],
            )
        )
    return found


def auc(scores: Sequence[Compared], source: str, method: str) -> float | None:
    """Probability that a copy scores higher than an innocent, ties counted half."""
    mine = [row for row in scores if (row.source, row.method) == (source, method)]
    copies = [row.score for row in mine if row.role == "copy"]
    innocents = [row.score for row in mine if row.role == "innocent"]
    if not copies or not innocents:
        return None
    return curve.auc(copies, innocents)
