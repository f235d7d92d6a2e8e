"""One part of the work: one attack at one strength on one model, which is asked everything.

Triggers of all sets, ordinary questions about unseen scenes, and what a copy was tuned for. Answers
are kept in files; a copy is stolen and loaded only where answers are missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from sif.eval.attacks.grid import NONE, Attack
from sif.eval.attacks.price import Price, ask_timed, price_of, steal_timed
from sif.eval.attacks.questions import (
    Asked,
    AttackCell,
    Inquiry,
    Label,
    about_scenes,
    about_triggers,
    made,
    scenes_of,
)
from sif.eval.attacks.suspects import Served, Site
from sif.eval.attacks.thefts import Job, job_of, stolen
from sif.eval.triggers.asking import ask_all
from sif.eval.triggers.making import Making, let_go
from sif.eval.triggers.mini_roster import BATCH, Entry, chosen
from sif.mini.architecture import Family
from sif.scale.crew import Show
from sif.types import Reply


class Tried(NamedTuple):
    """Rows of all answers, and what it cost; innocents are not stolen and cost nothing."""

    cells: list[AttackCell]
    price: Price | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trying:
    """One attack on the source, or as a control on an innocent.

    Attributes:
        out: the study's folder.
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
        let_go()
        (entry,) = chosen(self.family, (self.victim,))
        stealing = self.attack.weights != NONE
        entry = stolen(self.family, self.attack.weights) if stealing else entry
        site = self._site(show)
        if stealing:
            steal_timed(site, entry)
        shown = replace(entry, name=self.victim)
        with site.attacked(entry, self.attack) as served:
            cells = self._ask(served, [*about_triggers(shown, self.makings, self.attack.image)])
            if entry.role == "innocent":
                return Tried(cells, None)
            usual, job = Job(site.roster.world), job_of(self.family, self.attack.weights)
            benign = self._questions(shown, site, "benign", usual)
            timed = ask_timed(served, [one.query for one in benign])
            cells += self._rows(benign, timed.replies)
            if job != usual:
                cells += self._ask(served, self._questions(shown, site, "job", job))
        return Tried(cells, price_of(site, entry, self.attack, timed))

    def _site(self, show: Show) -> Site:
        first = made(self.makings[0]).triggers.questions[0]
        told = self._show(show)
        told("", 0, 1, "")
        return Site(out=self.out, family=self.family, generation=first.generation, show=told)

    def _ask(self, served: Served, asked: Sequence[Inquiry]) -> list[AttackCell]:
        replies = ask_all(served.suspect, [one.query for one in asked], chunk=BATCH)
        return self._rows(asked, replies)

    def _rows(self, asked: Sequence[Inquiry], replies: Sequence[Reply]) -> list[AttackCell]:
        label = Label(self.attack.kind, self.attack.name, self.attack.strength)
        return [one.row(reply, label) for one, reply in zip(asked, replies, strict=True)]

    def _questions(self, entry: Entry, site: Site, asked: Asked, job: Job) -> list[Inquiry]:
        scenes = scenes_of(job, number=self.scenes, asked=asked, generation=site.generation)
        return about_scenes(entry, self.makings[0], scenes, asked, self.attack.image)

    def _show(self, show: Show) -> Show:
        """One stage for all parts of a family."""

        def tell(stage: str, done: int | float, total: int | float, words: str) -> None:
            part = min(1.0, done / total) if total else 0.0
            text = f"{self.attack.text} {stage.rpartition(': ')[2]}".strip()
            show(f"{self.family}: attacks", self.place + part, self.parts, text)

        return tell
