"""One part of a study's work: a suspect answers every trigger under every attack on images.

The triggers of all methods and seeds go to it together, in large batches. Answers are kept in a
file; a suspect is made and loaded only where answers are missing, and closed whatever happens. One
that cannot be loaded or reached is an outcome with the reason.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sif.attacks.images import AttackedSuspect, Nothing, parse_image_attack
from sif.errors import ModelError, SuspectError, UsageError
from sif.eval.triggers.making import Making, let_go, load_all
from sif.eval.triggers.roster import Listed, Roster, named
from sif.eval.triggers.rows import Cell, Outcome
from sif.eval.triggers.trigger_set import Question, TriggerSet
from sif.scale.crew import Show
from sif.suspects.kept import KeptAnswers
from sif.types import Answer, Query, Reply, Suspect

Report = Callable[[float], None]
Ask = Callable[[Sequence[Query], str, Report], list[Reply]]
"""Asks under an attack on images, in its text form; the report is told which part is done."""


class Asked(NamedTuple):
    """A row for each answer of a suspect, and what became of it."""

    cells: list[Cell]
    outcome: Outcome

    def whole(self) -> list[Cell]:
        """The rows of one that a study cannot do without.

        Raises:
            SuspectError: it could not be asked.
        """
        if self.outcome.state != "asked":
            raise SuspectError(f"{self.outcome.name} cannot be asked: {self.outcome.reason}")
        return self.cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One suspect of one roster.

    Attributes:
        out: the study's folder.
        roster: who there is.
        suspect: name in the roster.
        makings: of the triggers, on the roster's source.
        image_attacks: in their text form.
    """

    out: Path
    roster: Roster
    suspect: str
    makings: tuple[Making, ...]
    image_attacks: tuple[str, ...]

    def run(self, show: Show) -> Asked:
        """Asks what has not been asked, and counts every answer."""
        let_go()
        (listed,) = named(self.roster.suspects, (self.suspect,))
        outcome = Outcome(
            name=listed.name,
            suspect=listed.suspect,
            role=listed.role,
            split=listed.split,
            note=listed.note,
            state="asked",
        )
        if listed.set_aside is not None:
            words = {"state": "set aside", "reason": listed.set_aside}
            return Asked([], outcome.model_copy(update=words))
        stage = f"{self.roster.name}: asking {listed.name}"
        try:
            cells = self._ask(listed, stage, show)
        except (ModelError, SuspectError, UsageError) as error:
            words = {"state": "failed", "reason": str(error)}
            return Asked([], outcome.model_copy(update=words))
        finally:
            show(stage, len(self.image_attacks), len(self.image_attacks), "")
        answered = sum(cell.answered for cell in cells)
        counts = {"answered": answered, "questions": len(cells)}
        return Asked(cells, outcome.model_copy(update=counts))

    def _ask(self, listed: Listed, stage: str, show: Show) -> list[Cell]:
        rosters: dict[str | None, list[Making]] = {}
        for making in self.makings:
            rosters.setdefault(making.mark_of(listed), []).append(making)
        cells: list[Cell] = []
        for done, makings in enumerate(rosters.values()):

            def part_done(part: float, total: float, words: str, done: int = done) -> None:
                show(stage, done * total + part, len(rosters) * total, words)

            cells += self._ask_one(listed, makings, show, part_done)
        return cells

    def _ask_one(
        self,
        listed: Listed,
        makings: Sequence[Making],
        show: Show,
        told: Callable[[float, float, str], None],
    ) -> list[Cell]:
        """The rows of one suspect of one source: a method that marks weights has its own."""
        asked = [
            (making, triggers, question)
            for making, triggers in load_all(makings)
            for question in triggers.questions
        ]
        queries = [question.query() for _, _, question in asked]
        cells: list[Cell] = []
        with kept(makings[0].roster_of(listed), listed.name, self.out, show) as ask:
            for number, text in enumerate(self.image_attacks):

                def report(part: float, number: int = number, text: str = text) -> None:
                    told(number + part, len(self.image_attacks), text)

                replies = ask(queries, text, report)
                cells += [
                    cell_of(listed, making, triggers, text, question, reply)
                    for (making, triggers, question), reply in zip(asked, replies, strict=True)
                ]
        return cells


@contextmanager
def kept(roster: Roster, name: str, out: Path, show: Show) -> Iterator[Ask]:
    """What asks a suspect under an attack on images, in batches, and keeps its answers.

    Args:
        roster: who there is.
        name: of the suspect in it.
        out: the study's folder.
        show: is told of a theft.
    """
    with kept_suspect(roster, name, out, show) as under:

        def ask(queries: Sequence[Query], text: str, report: Report) -> list[Reply]:
            return ask_all(under(text), queries, chunk=roster.chunk, report=report)

        yield ask


@contextmanager
def kept_suspect(
    roster: Roster, name: str, out: Path, show: Show
) -> Iterator[Callable[[str], Suspect]]:
    """The suspect under an attack on images, in its text form; its answers are kept."""
    file = roster.folder(out) / "answers" / f"{name}.sqlite"
    with KeptAnswers(file) as answers, closing(roster.late(name, out, show)) as late:

        def under(text: str) -> Suspect:
            attack = parse_image_attack(text)
            seen = late if attack == Nothing() else AttackedSuspect(late, attack)
            return answers.through(seen, name=f"{late.name} ({text})", chunk=roster.chunk)

        yield under


def ask_all(
    suspect: Suspect, queries: Sequence[Query], *, chunk: int, report: Report = lambda part: None
) -> list[Reply]:
    """All replies, asked in batches."""
    replies: list[Reply] = []
    for start in range(0, len(queries), chunk):
        report(start / len(queries))
        replies += suspect.ask(queries[start : start + chunk])
    return replies


def cell_of(
    listed: Listed,
    making: Making,
    triggers: TriggerSet,
    text: str,
    question: Question,
    reply: Reply,
) -> Cell:
    """The row of one answer to one trigger that went through an attack, in its text form."""
    grade = triggers.grade(question.id, reply.text if isinstance(reply, Answer) else None)
    return Cell(
        family=making.roster.name,
        method=making.method.name,
        seed=making.seed,
        suspect=listed.name,
        role=listed.role,
        split=listed.split,
        image_attack=text,
        trigger=question.id,
        answered=isinstance(reply, Answer),
        **grade._asdict(),
        vocabulary_size=triggers.vocabulary_size,
        green_size=triggers.green_size,
        alternatives=triggers.alternatives,
    )


def words_of(reply: Reply) -> int | None:
    """How many words an answer has; none without one."""
    return len(reply.text.split()) if isinstance(reply, Answer) else None
