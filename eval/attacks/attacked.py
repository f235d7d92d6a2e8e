"""A suspect behind attacks, with a journal where answers cost something: around all serving.

What is done to words afterwards is done anew every time. Knows neither triggers nor benchmarks.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from sif.attacks import attacked
from sif.attacks.answers import AnswerAttack, ServingAttack, parse_answer_attacks
from sif.attacks.images import parse_image_attack
from sif.errors import UsageError
from sif.eval.triggers.asking import BATCH, Late
from sif.suspects.journal import Journal
from sif.suspects.journalled import Journalled
from sif.types import Query, Reply, Suspect

NONE: Final = "none"


class Served(NamedTuple):
    """A suspect with its journal, and the model behind, which counts what it was really asked."""

    suspect: Suspect
    model: Late


def served(
    open_model: Callable[[], Suspect],
    *,
    name: str,
    image: str = NONE,
    answers: str = NONE,
    resolve: Callable[[str], str] = str,
    journal: Journal,
) -> Served:
    """A model behind attacks on its pictures and in its serving, connected when it is first asked.

    Args:
        open_model: connects the model itself.
        name: of the model, under which the journal keeps its answers with the attacks behind it.
        image: attacks on pictures, in their text form.
        answers: attacks on answers likewise; only those in serving are carried out here.
        resolve: gives their text with addresses where it holds names of suspects.
        journal: of the answers.

    Raises:
        UsageError: an attack that cannot be read, or one in serving behind one on words.
    """
    serving, picture = serving_of(answers), parse_image_attack(image)

    def open_served() -> Suspect:
        told = parse_answer_attacks(resolve(answers))[: len(serving)]
        return attacked(open_model(), *told, picture)

    parts = [image] if image != NONE else []
    parts += [f"answers {'+'.join(map(str, serving))}"] if serving else []
    shown = f"{name} ({', '.join(parts) or NONE})"
    late = Late(open_served, shown)
    return Served(Journalled(late, journal, chunk=BATCH, name=shown), late)


def serving_of(answers: str) -> list[ServingAttack]:
    """The attacks in serving among attacks on answers; they come first.

    Raises:
        UsageError: an attack that cannot be read, or one in serving behind one on words.
    """
    attacks = parse_answer_attacks(answers)
    serving = [attack for attack in attacks if isinstance(attack, ServingAttack)]
    if any(isinstance(attack, ServingAttack) for attack in attacks[len(serving) :]):
        raise UsageError(f"expected attacks in serving before those on words, got {answers}")
    return serving


def reworded(suspect: Suspect, answers: str) -> Suspect:
    """A suspect behind those attacks that only work on its words.

    Raises:
        UsageError: an attack that cannot be read.
    """
    attacks = parse_answer_attacks(answers)
    return attacked(suspect, *(attack for attack in attacks if isinstance(attack, AnswerAttack)))


def ask_all(suspect: Suspect, queries: Sequence[Query]) -> list[Reply]:
    """All replies, asked in batches."""
    replies: list[Reply] = []
    for start in range(0, len(queries), BATCH):
        replies += suspect.ask(queries[start : start + BATCH])
    return replies
