"""Suspects between a sibling and the source itself: by the share of their parameters that are its.

They are trained and copied once, kept in a folder and found again; what they answer is kept under
the digest of their weights. Knows nothing of how triggers are made.
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
from sif.eval.training.captions import Progress
from sif.eval.training.relatives import SEED, Share, raise_relative, shares
from sif.eval.triggers.asking import ask_all
from sif.eval.triggers.mini_roster import BATCH, MiniRoster, chosen
from sif.mini.folders import build
from sif.scale.crew import Show
from sif.suspects.kept import KeptAnswers
from sif.suspects.late import late
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


def relatives(out: Path, *, roster: MiniRoster, steps: int, show: Show) -> Iterator[Relative]:
    """Everybody from the sibling to the source, in growing order of the share, made where missing.

    Args:
        out: the study's folder.
        roster: of the family.
        steps: of training on captions.
        show: is told of progress.

    Raises:
        ModelError: the bundled weights are missing.
        StorageError: a record is damaged, or the disk refuses.
    """

    def known(name: str, share: float) -> Relative:
        (entry,) = chosen(roster.family, (name,))
        return Relative(name=name, folder=roster.model(entry, out, show), share=share)

    yield known(NOTHING, 0.0)
    for share in shares(roster.family):
        folder = roster.folder(out) / "relatives" / f"{share}-{steps}"
        if not folder.exists():
            _raise(folder, roster=roster, share=share, steps=steps, show=show)
        record = _read(folder / RECORD)
        part = record.shared / record.parameters
        yield Relative(name=share, folder=folder, share=part, upbringing=record)
    yield known(TUNED, 1.0)
    yield known(SOURCE, 1.0)


def ask(folder: Path, relative: Relative, queries: Sequence[Query], show: Show) -> list[Reply]:
    """What a relative answers, as far as it has been asked from its file.

    Args:
        folder: the family's.
        relative: who is asked.
        queries: what.
        show: is told of progress.
    """

    def report(part: float) -> None:
        show(f"asking {relative.name}", part * len(queries), len(queries), "")

    file = folder / "answers" / f"{relative.folder.name}.sqlite"
    address = f"hf:{relative.folder}?batch={BATCH}"
    with KeptAnswers(file) as answers, closing(late(address)) as suspect:
        kept = answers.through(suspect, chunk=BATCH)
        replies = ask_all(kept, queries, chunk=BATCH, report=report)
    report(1.0)
    return replies


def _raise(folder: Path, *, roster: MiniRoster, share: Share, steps: int, show: Show) -> None:
    model = roster.suspects[0].model
    source, processor = build(model)

    def report(told: Progress) -> None:
        words = f"loss {told.loss:.3f}"
        show(f"{roster.name}: training {share}, {told.stage}", told.step, told.steps, words)

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
