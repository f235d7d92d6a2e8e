"""What an attack costs the thief in processor time; kept in files, so that it is measured once.

Time of a theft is taken where weights are changed, time of answers where they are first asked for.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from filelock import FileLock
from pydantic import ValidationError

from sif.errors import StorageError
from sif.eval.attacks.grid import NONE, Attack
from sif.eval.attacks.suspects import Served, Site
from sif.eval.triggers.asking import ask_all
from sif.eval.triggers.mini_roster import BATCH, Entry
from sif.eval.triggers.rows import Row
from sif.files import write_atomically
from sif.types import Query, Reply

R = TypeVar("R", bound=Row)


class Price(Row):
    """What an attack costs the thief.

    Attributes:
        theft_seconds: of the processor, to change the weights, models that it takes in not
            counted; none where no weights change, or stealing was interrupted.
        model_seconds: of the processor for an answer, in the model with attacks on pictures and
            serving; none where answers were there already.
        words_seconds: of the processor for an answer, in all else.
    """

    family: str
    attack: str
    strength: str
    theft_seconds: float | None
    model_seconds: float | None
    words_seconds: float


class Theft(Row):
    """What changing the weights took; kept beside the copy, which several attacks may use."""

    seconds: float | None


class Timed(NamedTuple):
    """Replies, and the processor seconds of each.

    Attributes:
        model: in the model, with attacks on pictures and serving; none where answers were there.
        words: in all else, attacks on words above all.
    """

    replies: list[Reply]
    model: float | None
    words: float


def ask_timed(served: Served, questions: Sequence[Query]) -> Timed:
    """Asks, and says how long it took."""
    asked, seconds, busy = served.model.asked, served.model.seconds, served.model.busy
    began = time.process_time()
    replies = ask_all(served.suspect, questions, chunk=BATCH)
    whole = time.process_time() - began
    fresh = served.model.asked - asked == len(questions)
    return Timed(
        replies,
        model=(served.model.seconds - seconds) / len(questions) if fresh else None,
        words=(whole - (served.model.busy - busy)) / len(questions),
    )


def price_of(site: Site, entry: Entry, attack: Attack, timed: Timed) -> Price:
    """What an attack costs: as it was written down first.

    Raises:
        StorageError: a record is damaged, or the disk refuses.
    """
    stolen = attack.weights != NONE

    def price() -> Price:
        return Price(
            family=site.family,
            attack=attack.name,
            strength=attack.strength,
            theft_seconds=steal_timed(site, entry).seconds if stolen else None,
            model_seconds=timed.model,
            words_seconds=timed.words,
        )

    return _kept(_folder(site) / f"{attack.slug}.json", Price, price)


def steal_timed(site: Site, entry: Entry) -> Theft:
    """Makes a copy where it is missing, and says how long that took, its ingredients not counted.

    Raises:
        StorageError: a record is damaged, or the disk refuses.
    """
    for needed in (*entry.needs, *((entry.begun,) if entry.begun else ())):
        site.folder(needed)

    def theft() -> Theft:
        there = (site.roster.folder(site.out) / "models" / entry.name).exists()
        began = time.process_time()
        site.folder(entry)
        return Theft(seconds=None if there else time.process_time() - began)

    thefts = _folder(site) / "thefts"
    thefts.mkdir(parents=True, exist_ok=True)
    with FileLock(thefts / f".{entry.name}.lock"):  # its folder would be there for another job
        return _kept(thefts / f"{entry.name}.json", Theft, theft)


def _folder(site: Site) -> Path:
    return site.roster.folder(site.out) / "prices"


def _kept(path: Path, kind: type[R], make: Callable[[], R]) -> R:
    """What a file holds, made and written where there is none."""
    if not path.exists():
        made = make()
        write_atomically(path, made.model_dump_json(indent=2))
        return made
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValidationError) as error:
        raise StorageError(
            f"expected a record of cost of version 2 in {path}, got something else; remove it and "
            "run the same command again"
        ) from error
