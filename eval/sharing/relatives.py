"""Suspects between a sibling and the source itself: by the share of their parameters that are its.

They are trained and copied once, kept in a folder and found again; what they answer is kept in a
journal under the digest of their weights. Knows nothing of how triggers are made.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sif.errors import StorageError
from sif.eval.jobs import Show
from sif.eval.training.captions import Progress
from sif.eval.training.relatives import SEED, Share, raise_relative, shares
from sif.eval.triggers.asking import BATCH, model_folder
from sif.eval.triggers.roster import chosen, roster
from sif.mini.architecture import Family
from sif.mini.folders import build
from sif.suspects.connect import connect
from sif.suspects.journal import Journal
from sif.suspects.journalled import Journalled
from sif.types import Query, Reply
from sif.vlm.folder import save_model

RECORD: Final = "relative.json"
# Names in the roster: a sibling of the catalogue, and a copy tuned further on other scenes.
NOTHING: Final = "sibling-b"
TUNED: Final = "full-same"
SOURCE: Final = "source"


class Upbringing(BaseModel):
    """How a relative came about; kept in its folder.

    Attributes:
        share: part of the source that it started with.
        seed: of its other weights and its scenes.
        steps: of its training on captions.
        shared: parameters that started as the source's, of all `parameters`.
        seconds: of one core that the training took.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    share: Share
    seed: int
    steps: int = Field(ge=1)
    shared: int
    parameters: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """One suspect.

    Attributes:
        name: in tables.
        folder: of the model.
        share: of its parameters that started as the source's.
        upbringing: of those that were trained for this; none of the others.
    """

    name: str
    folder: Path
    share: float
    upbringing: Upbringing | None = None


def relatives(out: Path, *, family: Family, steps: int, show: Show) -> Iterator[Relative]:
    """Everybody from the sibling to the source, in growing order of the share, made where missing.

    Args:
        out: the family's folder.
        family: of the mini models.
        steps: of training on captions.
        show: is told of progress.

    Raises:
        ModelError: the bundled weights are missing.
        StorageError: a record is damaged, or the disk refuses.
    """
    yield _known(out, family, NOTHING, 0.0, show)
    for share in shares(family):
        folder = out / "relatives" / f"{share}-{steps}"
        if not folder.exists():
            _raise(folder, family=family, share=share, steps=steps, show=show)
        record = _read(folder / RECORD)
        part = record.shared / record.parameters
        yield Relative(name=share, folder=folder, share=part, upbringing=record)
    yield _known(out, family, TUNED, 1.0, show)
    yield _known(out, family, SOURCE, 1.0, show)


def ask(out: Path, relative: Relative, queries: Sequence[Query], show: Show) -> list[Reply]:
    """What a relative answers, from the journal where it has been asked.

    Args:
        out: the family's folder.
        relative: who is asked.
        queries: what.
        show: is told of progress.
    """
    replies: list[Reply] = []
    with (
        Journal(out / "answers" / f"{relative.folder.name}.sqlite") as journal,
        closing(connect(f"hf:{relative.folder}?batch={BATCH}")) as suspect,
    ):
        kept = Journalled(suspect, journal, chunk=BATCH)
        for start in range(0, len(queries), BATCH):
            show(f"asking {relative.name}", start, len(queries), "")
            replies += kept.ask(queries[start : start + BATCH])
    show(f"asking {relative.name}", len(queries), len(queries), "")
    return replies


def _known(out: Path, family: Family, name: str, share: float, show: Show) -> Relative:
    """One of the roster."""
    (entry,) = chosen(family, (name,))
    return Relative(name=name, folder=model_folder(out / "models", entry, show), share=share)


def _raise(folder: Path, *, family: Family, share: Share, steps: int, show: Show) -> None:
    model = roster(family)[0].model
    source, processor = build(model)

    def report(told: Progress) -> None:
        words = f"loss {told.loss:.3f}"
        show(f"{family}: training {share}, {told.stage}", told.step, told.steps, words)

    begun, threads = time.process_time(), torch.get_num_threads()
    torch.set_num_threads(1)  # the order of sums, and with it the weights, depend on their number
    try:
        relative, size = raise_relative(
            source, processor, model=model, share=share, steps=steps, report=report
        )
    finally:
        torch.set_num_threads(threads)
    record = Upbringing(
        share=share, seed=SEED, steps=steps, seconds=time.process_time() - begun, **size._asdict()
    )
    text = record.model_dump_json(indent=2)
    save_model(relative.to(torch.bfloat16), processor, folder, relative__json=text)


def _read(path: Path) -> Upbringing:
    try:
        return Upbringing.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise StorageError(
            f"expected the record of a relative of version 1 in {path}, got something else; "
            f"remove {path.parent} and run the same command again"
        ) from error
