"""Who is asked: a model behind one attack of the grid, from the model outwards.

Pictures and serving, then the file of its answers, where answers cost something; then a benign
model beside it, then the words, which are changed anew every time. Knows nothing of triggers.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from sif.attacks.answers import AnswerAttack, parse_answer_attacks
from sif.attacks.answers.quoting import quoted
from sif.attacks.attacked import attacked
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
from sif.attacks.images import parse_image_attack
from sif.eval.attacks.grid import NONE, Attack, serving_of
from sif.eval.attacks.questions import scenes_of
from sif.eval.attacks.thefts import Job
from sif.eval.triggers.mini_roster import BATCH, Entry, MiniRoster, chosen, mini_roster
from sif.mini.architecture import Family
from sif.scale.crew import Show
from sif.suspects.kept import KeptAnswers
from sif.suspects.late import LateSuspect
from sif.types import GenerationSettings, Suspect

LIMITS: Final = 120
"""Benign questions on which a divergence attack chooses its limits."""


class Served(NamedTuple):
    """A suspect whose answers are kept, and the model behind, which counts what it is asked."""

    suspect: Suspect
    model: LateSuspect


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
        """A model behind attacks on its pictures and in its serving, loaded when it is asked."""
        serving, picture = serving_of(answers), parse_image_attack(image)

        def open_served() -> Suspect:
            told = parse_answer_attacks(self._resolve(answers))[: len(serving)]
            return attacked(self.roster.open(entry, self.out, self.show), *told, picture)

        parts = [image] if image != NONE else []
        parts += [f"answers {'+'.join(map(str, serving))}"] if serving else []
        model = LateSuspect(open_served, f"{entry.name} ({', '.join(parts) or NONE})")
        stack.enter_context(closing(model))
        file = self.roster.folder(self.out) / "answers" / f"{entry.name}.sqlite"
        kept = stack.enter_context(KeptAnswers(file))
        return Served(kept.through(model, chunk=BATCH), model)

    def folder(self, entry: Entry) -> Path:
        """Of a model, made where it is missing."""
        return self.roster.model(entry, self.out, self.show)

    @property
    def roster(self) -> MiniRoster:
        """Of the family."""
        return mini_roster(self.family)

    def _resolve(self, text: str) -> str:
        """Attacks on answers, with an address where `turns` has a name of the roster.

        Raises:
            UsageError: no such suspect.
        """
        head, at, rest = text.partition("@")
        if not head.startswith("turns:") or not at:
            return text
        name, plus, others = rest.partition("+")
        (entry,) = chosen(self.family, (name,))
        return f"{head}@{quoted(f'hf:{self.folder(entry)}?batch={BATCH}')}{plus}{others}"

    def _limits(self, entry: Entry, beside: Entry, fpr: float) -> Thresholds:
        """Chosen on benign questions that both answer plainly."""
        asked = scenes_of(
            Job(self.roster.world), number=LIMITS, asked="limits", generation=self.generation
        )
        queries = [one.query for one in asked]
        with ExitStack() as stack:
            own, other = (self._served(one, stack).suspect for one in (entry, beside))
            known = measure(_signals(), exchange(own, other, queries))
        return calibrate_thresholds(_signals(), known, fpr=fpr)


def reworded(suspect: Suspect, answers: str) -> Suspect:
    """A suspect behind those attacks that only work on its words.

    Raises:
        UsageError: an attack that cannot be read.
    """
    attacks = parse_answer_attacks(answers)
    return attacked(suspect, *(attack for attack in attacks if isinstance(attack, AnswerAttack)))


def _signals() -> Sequence[Signal]:
    """Those that need no further model: overlap of words, and length."""
    return WordOverlap(), AnswerLength()
