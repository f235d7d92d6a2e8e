"""What the benchmark of ActiveMark found, as rows. Knows nothing of how."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sif.errors import StorageError
from sif.eval.rows import write_rows
from sif.files import write_atomically

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

    def merged(self, other: "Rows") -> "Rows":
        """Both together."""
        return Rows(
            readings=self.readings + other.readings,
            suspects=self.suspects + other.suspects,
            markings=self.markings + other.markings,
            blocks=self.blocks + other.blocks,
            compared=self.compared + other.compared,
            costs=self.costs + other.costs,
        )


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


def write_all(folder: Path, rows: Rows, summary: str) -> list[Path]:
    """Writes summary.md, results.json, and a Parquet file for every kind of row that there is.

    Raises:
        StorageError: the disk refuses.
    """
    kinds = {name: getattr(rows, name) for name in Rows.model_fields if name != "schema_version"}
    files = [folder / "summary.md", folder / "results.json"]
    write_atomically(files[0], summary)
    write_atomically(files[1], rows.model_dump_json(indent=1))
    for name, some in kinds.items():
        if some:
            files.append(folder / f"{name}.parquet")
            write_rows(files[-1], some)
    return files
