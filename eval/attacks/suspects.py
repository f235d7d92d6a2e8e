"""Who is asked: a model behind one attack of the grid, from the model outwards.

Pictures and serving, then the journal, then a benign model beside it, then the words. Knows nothing
of triggers.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sif.attacks.divergence import (
    AnswerLength,
    SemanticDivergenceDefence,
    Signal,
    Thresholds,
    WordOverlap,
    calibrate_thresholds,
)
from sif.attacks.divergence.defence import measure
from sif.attacks.divergence.exchange import exchange
from sif.eval.attacks.answers import with_folder
from sif.eval.attacks.attack import Attack
from sif.eval.attacks.attacked import NONE, Served, reworded, served
from sif.eval.attacks.questions import benign_questions
from sif.eval.attacks.thefts import Job
from sif.eval.jobs import Show
from sif.eval.triggers.asking import BATCH, model_folder
from sif.eval.triggers.roster import Entry, chosen, roster
from sif.mini.architecture import Family
from sif.suspects.connect import connect
from sif.suspects.journal import Journal
from sif.types import GenerationSettings

LIMITS: Final = 120
"""Benign questions on which a divergence attack chooses its limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where models and answers lie.

    Attributes:
        out: the benchmark's folder.
        family: of the mini models.
        generation: as triggers are asked.
        show: is told of thefts.
    """

    out: Path
    family: Family
    generation: GenerationSettings
    show: Show

    @contextmanager
    def attacked(self, entry: Entry, attack: Attack) -> Iterator[Served]:
        """A model, stolen where it is a copy, behind everything else that an attack does.

        Args:
            entry: the model.
            attack: of whose weights the entry tells.
        """
        with ExitStack() as stack:
            suspect, model = self._served(entry, stack, image=attack.image, answers=attack.answers)
            if attack.reference is not None:
                (beside,) = chosen(self.family, (attack.reference,))
                reference = self._served(beside, stack).suspect
                limits = self._limits(entry, beside, attack.fpr)
                suspect = SemanticDivergenceDefence(suspect, reference, limits, _signals())
            yield Served(reworded(suspect, attack.answers), model)

    def _served(
        self, entry: Entry, stack: ExitStack, *, image: str = NONE, answers: str = NONE
    ) -> Served:
        file = self.out / self.family / "answers" / f"{entry.name}.sqlite"
        found = served(
            lambda: connect(f"hf:{self.folder(entry)}?batch={BATCH}"),
            name=entry.name,
            image=image,
            answers=answers,
            resolve=self._resolve,
            journal=stack.enter_context(Journal(file)),
        )
        stack.enter_context(closing(found.suspect))
        return found

    def folder(self, entry: Entry) -> Path:
        """Of a model, made where it is missing."""
        return model_folder(self.out / self.family / "models", entry, self.show)

    def world(self) -> int:
        """The source's."""
        return roster(self.family)[0].model.world

    def _resolve(self, answers: str) -> str:
        return with_folder(answers, out=self.out, family=self.family, show=self.show)

    def _limits(self, entry: Entry, beside: Entry, fpr: float) -> Thresholds:
        """Chosen on benign questions that both answer plainly."""
        asked = benign_questions(
            Job(self.world()), number=LIMITS, asked="limits", generation=self.generation
        )
        queries = [one.query for one in asked]
        with ExitStack() as stack:
            own, other = (self._served(one, stack).suspect for one in (entry, beside))
            known = measure(_signals(), exchange(own, other, queries))
        return calibrate_thresholds(_signals(), known, fpr=fpr)


def _signals() -> Sequence[Signal]:
    """Those that need no further model: overlap of words, and length."""
    return WordOverlap(), AnswerLength()
