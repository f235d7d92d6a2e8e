"""One part of the work: one attack at one strength on one model, which is asked everything.

Triggers of all sets, ordinary questions about unseen scenes, and what a copy was tuned for. Answers
are kept in journals; a copy is stolen and loaded only where answers are missing.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from sif.eval.attacks.attack import Attack
from sif.eval.attacks.attacked import NONE, Served, ask_all
from sif.eval.attacks.price import ask_timed, price_of, steal_timed
from sif.eval.attacks.questions import Asked, benign_questions
from sif.eval.attacks.rows import AttackCell, Price
from sif.eval.attacks.suspects import Site
from sif.eval.attacks.thefts import Job, job_of, stolen
from sif.eval.jobs import Show
from sif.eval.triggers.asking import cell_of
from sif.eval.triggers.making import Making
from sif.eval.triggers.results import Cell
from sif.eval.triggers.roster import Entry, chosen
from sif.eval.triggers.trigger_set import TriggerSet
from sif.eval.triggers.truth import Truth, truth_of
from sif.mini.architecture import Family
from sif.mini.world import Scene
from sif.types import Answer, Query, Reply


class Tried(NamedTuple):
    """Rows of all answers, and what it cost; innocents are not stolen and cost nothing."""

    cells: list[AttackCell]
    price: Price | None


class _Question(NamedTuple):
    """What is asked and for what, the row that an answer fills, and what it states rightly."""

    query: Query
    asked: Asked
    cell: Callable[[Reply], Cell]
    truth: Callable[[str], Truth]


class _Made(NamedTuple):
    """What was made, with the scenes of the base images by their names."""

    making: Making
    triggers: TriggerSet
    scenes: dict[str, Scene]


@cache
def _made(making: Making) -> _Made:
    """Read once in each process, which carries out many parts."""
    scenes = {name: sample.scene for name, sample in making.scenes().items()}
    return _Made(making, making.load(), scenes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trying:
    """One attack on the source, or as a control on an innocent.

    Attributes:
        out: the benchmark's folder.
        attack: of the grid.
        victim: name in the roster.
        makings: of the triggers.
        scenes: ordinary questions; innocents get none.
        place: among the parts of its family, of which there are `parts`.
    """

    out: Path
    family: Family
    attack: Attack
    victim: str
    makings: tuple[Making, ...]
    scenes: int
    place: int
    parts: int

    def run(self, show: Show) -> Tried:
        """Asks what has not been asked, and measures what has not been measured."""
        (entry,) = chosen(self.family, (self.victim,))
        stealing = self.attack.weights != NONE
        entry = stolen(self.family, self.attack.weights) if stealing else entry
        site = self._site(show)
        if stealing:
            steal_timed(site, entry)
        with site.attacked(entry, self.attack) as served:
            cells = self._ask(served, self._triggers(entry))
            if entry.role == "innocent":
                return Tried(cells, None)
            usual, job = Job(site.world()), job_of(self.family, self.attack.weights)
            benign = list(self._questions(entry, site, "benign", usual))
            timed = ask_timed(served, [one.query for one in benign])
            cells += map(self._row, benign, timed.replies)
            if job != usual:
                cells += self._ask(served, self._questions(entry, site, "job", job))
        return Tried(cells, price_of(site, entry, self.attack, timed))

    def _site(self, show: Show) -> Site:
        first = _made(self.makings[0]).triggers.questions[0]
        told = self._show(show)
        told("", 0, 1, "")
        return Site(out=self.out, family=self.family, generation=first.generation, show=told)

    def _ask(self, served: Served, questions: Iterable[_Question]) -> list[AttackCell]:
        asked = list(questions)
        replies = ask_all(served.suspect, [one.query for one in asked])
        return [*map(self._row, asked, replies)]

    def _triggers(self, entry: Entry) -> Iterator[_Question]:
        image = self.attack.image
        for making, triggers, scenes in map(_made, self.makings):
            for question in triggers.questions:
                yield _Question(
                    question.query(),
                    "trigger",
                    partial(cell_of, entry, making, triggers, image, question),
                    partial(truth_of, scenes[question.source_image]),
                )

    def _questions(self, entry: Entry, site: Site, asked: Asked, job: Job) -> Iterator[_Question]:
        for one in benign_questions(
            job, number=self.scenes, asked=asked, generation=site.generation
        ):
            cell = partial(self._unmarked, entry, one.query.trigger)
            yield _Question(one.query, asked, cell, one.truth)

    def _unmarked(self, entry: Entry, name: str, reply: Reply) -> Cell:
        """The row of an answer in which no green words are looked for."""
        return Cell(
            family=self.family,
            method=self.makings[0].method.name,
            seed=0,
            suspect=entry.name,
            role=entry.role,
            split=entry.split,
            image_attack=self.attack.image,
            trigger=name,
            answered=isinstance(reply, Answer),
            matched=None,
            green=None,
            scored=None,
            vocabulary_size=None,
            green_size=None,
        )

    def _row(self, question: _Question, reply: Reply) -> AttackCell:
        text = reply.text if isinstance(reply, Answer) else ""
        return AttackCell(
            **question.cell(reply).model_dump() | {"suspect": self.victim},
            kind=self.attack.kind,
            attack=self.attack.name,
            strength=self.attack.strength,
            asked=question.asked,
            words=len(text.split()) if isinstance(reply, Answer) else None,
            **question.truth(text)._asdict(),
        )

    def _show(self, show: Show) -> Show:
        """One stage for all parts of a family."""

        def tell(stage: str, done: int | float, total: int | float, words: str) -> None:
            part = min(1.0, done / total) if total else 0.0
            text = f"{self.attack.text} {stage.rpartition(': ')[2]}".strip()
            show(f"{self.family}: attacks", self.place + part, self.parts, text)

        return tell
