"""One part of a study's work: which questions a thief notices who compares with a benign model.

The semantic divergence attack (SDA; Zhao, Lou, Zheng, arXiv 2604.17041) beside every method: the
source and an innocent answer ordinary questions and all triggers; limits on the prompt's perplexity
to the innocent's language model, on the overlap of words and on the answer's length are chosen on
one half of the ordinary questions, for 5% of false alarms. Knows nothing of tables.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sif.attacks.divergence import (
    AnswerLength,
    PromptPerplexity,
    Signal,
    Thresholds,
    WordOverlap,
    calibrate_thresholds,
)
from sif.attacks.divergence.defence import measure
from sif.attacks.divergence.exchange import Exchange
from sif.attacks.divergence.thresholds import Values
from sif.eval.triggers.asking import kept
from sif.eval.triggers.making import Making, load_all
from sif.eval.triggers.roster import Roster, named
from sif.eval.triggers.rows import Flagged
from sif.scale.crew import Show
from sif.types import Query
from sif.vlm.folder import load_model, load_processor

BENIGN: Final = 80
"""Ordinary questions, about pictures that no trigger is made of."""
FPR: Final = 0.05
ALL: Final = "any"
"""Stands for all signals together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hiding:
    """The source of one roster, hidden behind one innocent.

    Attributes:
        out: the study's folder.
        roster: who there is.
        makings: of the triggers.
        reference: name of the innocent.
    """

    out: Path
    roster: Roster
    makings: tuple[Making, ...]
    reference: str

    def run(self, show: Show) -> list[Flagged]:
        """Asks both, and counts what is flagged."""
        (source,) = (one for one in self.roster.suspects if one.role == "source")
        weights = self.roster.weights(self.reference, self.out, show)
        language = PromptPerplexity(load_model(weights), load_processor(weights).tokenizer)
        signals: list[Signal] = [language, WordOverlap(), AnswerLength()]
        rows: list[Flagged] = []
        for making, triggers in load_all(self.makings):
            asked = [question.query() for question in triggers.questions]
            benign = self._benign(making, asked[0])
            seen = self._exchanges(making, source.name, [*benign, *asked], show)
            half, number = len(benign) // 2, len(benign)
            values = measure(signals, seen)
            limits = calibrate_thresholds(signals, values[:half], fpr=FPR)
            rows += [
                _row(making, self.reference, name, limits, values[half:number], values[number:])
                for name in (*(one.name for one in signals), ALL)
            ]
        return rows

    def _benign(self, making: Making, like: Query) -> list[Query]:
        """Plain questions about other pictures, answered at the lengths of the triggers'."""
        pictures = self.roster.pictures(making.count + BENIGN, making.seed)[making.count :][:BENIGN]
        prompts = self.roster.prompts
        return [
            Query(
                trigger=f"benign-{number:04d}",
                image=named.image,
                prompt=prompts[number % len(prompts)],
                generation=like.generation,
            )
            for number, named in enumerate(pictures)
        ]

    def _exchanges(
        self, making: Making, source: str, queries: Sequence[Query], show: Show
    ) -> list[Exchange]:
        replies = []
        (reference,) = named(self.roster.suspects, (self.reference,))
        (suspect,) = named(self.roster.suspects, (source,))
        for one in (suspect, reference):
            stage = f"{self.roster.name}: {making.name} behind {self.reference}"

            def report(part: float, stage: str = stage) -> None:
                show(stage, part, 1, "")

            with kept(making.roster_of(one), one.name, self.out, show) as ask:
                replies.append(ask(queries, "none", report))
        return [
            Exchange(
                queries=queries, place=place, prompt=query.prompt, suspect=mine, reference=other
            )
            for place, (query, mine, other) in enumerate(zip(queries, *replies, strict=True))
        ]


def _row(
    making: Making,
    reference: str,
    signal: str,
    limits: Thresholds,
    benign: Sequence[Values],
    asked: Sequence[Values],
) -> Flagged:
    def flags(values: Sequence[Values]) -> int:
        found = [limits.flagged(value) for value in values]
        return sum(bool(some) if signal == ALL else signal in some for some in found)

    return Flagged(
        family=making.roster.name,
        method=making.method.name,
        seed=making.seed,
        reference=reference,
        signal=signal,
        limit=next((one.limit for one in limits.limits if one.signal == signal), None),
        flagged=flags(asked),
        triggers=len(asked),
        benign_flagged=flags(benign),
        benign=len(benign),
    )
