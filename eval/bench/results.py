"""The rows of a benchmark, and how they are kept. Knows nothing of how they came about."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from sif.eval.bench.roster import Role, Split
from sif.files import write_atomically


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cell(_Row):
    """One suspect's answer to one trigger.

    Attributes:
        family: of the mini models.
        method: recipe that made the trigger.
        seed: of the keys.
        suspect: name in the roster.
        role: what the suspect is.
        split: whether recipes may be chosen by it.
        image_attack: what the picture went through.
        trigger: id.
        green: green ids among the distinct ids of the answer; none if unanswered.
        scored: distinct ids; none if unanswered.
        vocabulary_size: V.
        green_size: green ids of the key.
    """

    family: str
    method: str
    seed: int
    suspect: str
    role: Role
    split: Split
    image_attack: str
    trigger: str
    green: int | None
    scored: int | None
    vocabulary_size: int
    green_size: int


class Cost(_Row):
    """What a set of triggers cost to make.

    Attributes:
        seconds: wall clock for a trigger, with all attempts and measurements; none where making
            was interrupted.
        gradient_passes: forward passes of a whole batch that a backward pass follows, with the two
            of the probe.
        decoding_passes: forward passes of a whole batch for one more word of its answers.
        peak_bytes: highest resident memory of the process (CPU) or allocated memory (CUDA).
        device: where.
        weak: triggers under the recipe's minimum.
    """

    family: str
    method: str
    seed: int
    triggers: int
    seconds: float | None
    gradient_passes: int | None
    decoding_passes: int | None
    peak_bytes: int
    device: str
    weak: int


def write_rows(path: Path, rows: Sequence[BaseModel]) -> None:
    """Writes rows as Parquet, whole or not at all.

    Raises:
        StorageError: the disk refuses.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([row.model_dump(mode="json") for row in rows])
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    write_atomically(path, sink.getvalue().to_pybytes())
