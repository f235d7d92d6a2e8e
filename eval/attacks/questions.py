"""What a copy is asked besides triggers: questions about unseen scenes whose truth is known.

A thief's customers ask these, and what his attack costs shows in them. Knows no attack.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from sif.eval.attacks.thefts import Job
from sif.eval.triggers.truth import Truth, truth_of, word_right
from sif.mini.data import Sample, samples
from sif.types import GenerationSettings, Query

Asked = Literal["trigger", "benign", "job"]

SEEDS: Final = {"benign": 909, "job": 911, "limits": 913, "clock": 917}


@dataclass(frozen=True, eq=False, kw_only=True)
class Benign:
    """One question with the truth that its answer should tell.

    Attributes:
        query: as it is asked.
        truth: what an answer states rightly.
    """

    query: Query
    truth: Callable[[str], Truth]


def benign_questions(
    job: Job, *, number: int, asked: str, generation: GenerationSettings
) -> tuple[Benign, ...]:
    """Questions about scenes that no training and no trigger has seen.

    Args:
        job: which world, and what is asked about it.
        number: how many.
        asked: what they are for; other scenes for each of `SEEDS`.
        generation: as triggers are asked.
    """
    drawn = samples(job.world, number=number, seed=SEEDS[asked], kind=job.kind)
    return tuple(
        Benign(
            query=Query(
                trigger=f"{asked}-{place:04d}",
                image=sample.image,
                prompt=sample.prompt,
                generation=generation,
            ),
            truth=_truth(job, sample),
        )
        for place, sample in enumerate(drawn)
    )


def _truth(job: Job, sample: Sample) -> Callable[[str], Truth]:
    match job.kind:
        case "captions":
            return lambda text: truth_of(sample.scene, text)
        case "terse":
            return lambda text: truth_of(sample.scene, text, whole=False)
        case "questions":
            return lambda text: Truth(facts=float(word_right(sample.answer, text)))
