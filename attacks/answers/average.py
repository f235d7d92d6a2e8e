"""Several answers to every question, joined into one: sampled ones, or to noisy copies."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np
from PIL import Image

from sif.attacks.answers.attack import Occasion
from sif.attacks.answers.consensus import consensus
from sif.attacks.answers.serving import ServedSuspect, ServingAttack
from sif.attacks.strength import Strength
from sif.types import Answer, Query, Reply, Suspect

SAMPLES: Final = Strength(
    attack="average", noun="number of answers", low=1, high=64, whole=True, example="average:5"
)
NOISE: Final = Strength(
    attack="smooth", noun="standard deviation", low=0, high=255, example="smooth:8"
)
COPIES: Final = 8


class JoiningAttack(ServingAttack):
    """An attack that asks several questions for one and joins the answers by `consensus`."""

    __slots__ = ()

    @abstractmethod
    def questions(self, query: Query) -> list[Query]:
        """What is asked in the place of one question."""

    @final
    def around(self, suspect: Suspect) -> Suspect:
        """The suspect that is asked more than once."""
        return JoinedSuspect(suspect, self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Average(JoiningAttack):
    """Samples several answers at a temperature and joins them.

    Attributes:
        samples: 1 to 64.
        temperature: of all, whatever the question asks for.
        seed: of the sampling, for questions without one.

    Raises:
        UsageError: the number of answers is out of range.
    """

    samples: int
    temperature: float = 0.7
    seed: int = 0

    def __post_init__(self) -> None:
        SAMPLES.check(self.samples)

    def __str__(self) -> str:
        return SAMPLES.text(self.samples)

    def questions(self, query: Query) -> list[Query]:
        """The same question, sampled with following seeds."""
        own = query.generation
        seed = self.seed if own.seed is None else own.seed
        update = {"temperature": self.temperature, "seed": seed}
        settings = own.model_copy(update=update)
        first = query.repeat * self.samples
        return [
            replace(query, generation=settings, repeat=first + number)
            for number in range(self.samples)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Smooth(JoiningAttack):
    """Randomised smoothing (Cohen, Rosenfeld, Kolter, ICML 2019) for answers in words.

    The model sees copies of the picture with independent Gaussian noise, and what it says of them
    is joined. The same question gets the same noise.

    Attributes:
        deviation: of the noise, in units of 1/255; 0 to 255.
        copies: of the picture.

    Raises:
        UsageError: the deviation is out of range.
    """

    deviation: int | float
    copies: int = COPIES

    def __post_init__(self) -> None:
        NOISE.check(self.deviation)

    def __str__(self) -> str:
        return NOISE.text(self.deviation)

    def questions(self, query: Query) -> list[Query]:
        """The question about every copy."""
        rng = Occasion(digest=query.digest, seed=0).rng(str(self))
        pixels = np.asarray(query.image.convert("RGB"), np.float64)
        noises = (self.deviation * rng.standard_normal(pixels.shape) for _ in range(self.copies))
        levels = ((pixels + noise).round().clip(0, 255).astype(np.uint8) for noise in noises)
        return [replace(query, image=Image.fromarray(level)) for level in levels]


class JoinedSuspect(ServedSuspect[JoiningAttack]):
    """Another suspect that is asked several questions for one.

    Probabilities of tokens are given up: they belong to single answers.
    """

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """Joined replies in the order of the queries; without any answer the first failure.

        Raises:
            SuspectError: the suspect cannot be reached.
        """
        asked = [self._attack.questions(query) for query in queries]
        replies = iter(self._suspect.ask([one for some in asked for one in some]))
        return [_joined([next(replies) for _ in some]) for some in asked]


def _joined(replies: Sequence[Reply]) -> Reply:
    answers = [reply for reply in replies if isinstance(reply, Answer)]
    if not answers:
        return replies[0]
    text = consensus([answer.text for answer in answers])
    return replace(answers[0], text=text, top=None)
