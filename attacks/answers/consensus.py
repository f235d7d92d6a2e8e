"""Several answers to every question, joined into one: sampled ones, or to noisy copies.

Joined is by consensus: the most typical answer, with its words put to the vote. The typical answer
is the one that agrees best with the others (minimum Bayes risk; Kumar and Byrne, NAACL 2004, with
the F-score of words as the gain). The others are aligned with it, and at each of its places the
word that most of them have there wins (ROVER; Fiscus, ASRU 1997). Knows no engine.
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import ClassVar, Final, final

import numpy as np
from PIL import Image

from sif.attacks.answers.attack import Occasion
from sif.attacks.answers.serving import ServedSuspect, ServingAttack
from sif.attacks.strength import Graded, Strength
from sif.errors import UsageError
from sif.types import Answer, Query, Reply, Suspect

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
class Average(Graded, JoiningAttack):
    """Samples several answers at a temperature and joins them.

    Attributes:
        samples: 1 to 64.
        temperature: of all, whatever the question asks for.
        seed: of the sampling, for questions without one.

    Raises:
        UsageError: the number of answers is out of range.
    """

    strength: ClassVar = Strength(
        attack="average", noun="number of answers", low=1, high=64, whole=True, example="average:5"
    )

    samples: int
    temperature: float = 0.7
    seed: int = 0

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
class Smooth(Graded, JoiningAttack):
    """Randomised smoothing (Cohen, Rosenfeld, Kolter, ICML 2019) for answers in words.

    The model sees copies of the picture with independent Gaussian noise, and what it says of them
    is joined. The same question gets the same noise.

    Attributes:
        deviation: of the noise, in units of 1/255; 0 to 255.
        copies: of the picture.

    Raises:
        UsageError: the deviation is out of range.
    """

    strength: ClassVar = Strength(
        attack="smooth", noun="standard deviation", low=0, high=255, example="smooth:8"
    )

    deviation: int | float
    copies: int = COPIES

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


def consensus(answers: Sequence[str]) -> str:
    """The joined answer; of ties the word of the most typical answer, and of those the first.

    Args:
        answers: to one question.

    Raises:
        UsageError: none.
    """
    if not answers:
        raise UsageError("expected answers to join, got none")
    spoken = [answer.split() for answer in answers]
    typical = max(range(len(spoken)), key=lambda place: (_agreement(place, spoken), -place))
    votes = [Counter({word: 1}) for word in spoken[typical]]
    for place, words in enumerate(spoken):
        if place != typical:
            _vote(votes, spoken[typical], words)
    return " ".join(counter.most_common(1)[0][0] for counter in votes)


def _agreement(place: int, spoken: Sequence[list[str]]) -> float:
    """Mean F-score of the words of one answer with those of all others."""
    own = Counter(spoken[place])
    others = [Counter(words) for index, words in enumerate(spoken) if index != place]
    return sum(_f_score(own, other) for other in others) / max(1, len(others))


def _f_score(first: Counter[str], second: Counter[str]) -> float:
    total = first.total() + second.total()
    return 2 * (first & second).total() / total if total else 1.0


def _vote(votes: list[Counter[str]], typical: list[str], words: list[str]) -> None:
    """Adds what another answer has at each place; what it lacks or adds casts no vote."""
    matcher = SequenceMatcher(a=typical, b=words, autojunk=False)
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        if kind in ("equal", "replace"):
            for vote, word in zip(votes[start:end], words[other_start:other_end], strict=False):
                vote[word] += 1
