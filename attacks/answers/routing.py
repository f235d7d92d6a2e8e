"""Who answers: a cache where a picture was seen before, or one of two models in turns.

Knows neither engines nor words.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sif.attacks.answers.attack import Occasion
from sif.attacks.answers.quoting import quoted
from sif.attacks.answers.serving import ServedSuspect, ServingAttack
from sif.attacks.strength import Strength
from sif.types import Answer, Query, Reply, Suspect


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache(ServingAttack):
    """Looks only at the picture's pixels: other prompts, settings and repeats get the same answer.

    So more questions about one trigger bring nothing new.
    """

    def __str__(self) -> str:
        return "cache"

    def around(self, suspect: Suspect) -> Suspect:
        """The suspect behind a cache that is empty."""
        return CachedSuspect(suspect, self)


class CachedSuspect(ServedSuspect[Cache]):
    """Another suspect with a cache before it, which lives as long as this object.

    Failures are not kept: a picture without an answer is asked about again.
    """

    def __init__(self, suspect: Suspect, attack: Cache) -> None:
        super().__init__(suspect, attack)
        self._known: dict[str, Reply] = {}

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """Replies; each picture is asked about once, with the first of its questions.

        Raises:
            SuspectError: the suspect cannot be reached.
        """
        digests = [_digest(query) for query in queries]
        firsts: dict[str, Query] = {}
        for digest, query in zip(digests, queries, strict=True):
            if digest not in self._known:
                firsts.setdefault(digest, query)
        replies = self._suspect.ask(list(firsts.values())) if firsts else []
        fresh = dict(zip(firsts, replies, strict=True))
        self._known |= {key: reply for key, reply in fresh.items() if isinstance(reply, Answer)}
        return [self._known.get(digest) or fresh[digest] for digest in digests]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns(ServingAttack):
    """Lets another model answer some of the questions.

    Attributes:
        share: of the questions that the other one answers, 0 to 1; 0 leaves it out.
        address: of the other one.
        connect: from an address to a suspect; called when a suspect is attacked.

    Raises:
        UsageError: the share is out of range.
    """

    strength: ClassVar = Strength(
        attack="turns",
        noun="share of questions that the other model answers",
        low=0,
        high=1,
        example="turns:0.5@hf:other-model",
    )

    share: int | float
    address: str
    connect: Callable[[str], Suspect]

    def __post_init__(self) -> None:
        self.strength.check(self.share)

    def __str__(self) -> str:
        return f"{self.strength.text(self.share)}@{quoted(self.address)}"

    def around(self, suspect: Suspect) -> Suspect:
        """The suspect that takes turns with the other one.

        Raises:
            UsageError: the other one's address is wrong as written.
            ModelError: the other one cannot be loaded.
        """
        return TurnsSuspect(suspect, self.connect(self.address), share=self.share)


class TurnsSuspect:
    """Two suspects, of which the second answers a share of the questions, drawn by their digests.

    The same question always goes to the same one, so that an interrupted audit goes on alike.

    Args:
        first: the one that answers the rest.
        second: the other one.
        share: of the questions that the second answers, 0 to 1.
        seed: of the draws.

    Raises:
        UsageError: the share is out of range.
    """

    def __init__(
        self, first: Suspect, second: Suspect, *, share: int | float = 0.5, seed: int = 0
    ) -> None:
        Turns.strength.check(share)
        self._suspects = first, second
        self._share = share
        self._seed = seed

    @property
    def name(self) -> str:
        """That of the first, then the second's, as in `hf:a (answers turns:0.5@"hf:b")`."""
        first, second = self._suspects
        turns = f"{Turns.strength.text(self._share)}@{quoted(second.name)}"
        return f"{first.name} (answers {turns}{f' seed {self._seed}' if self._seed else ''})"

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """Replies in the order of the queries, from one or the other.

        Raises:
            SuspectError: one of them cannot be reached.
        """
        chosen = [self._second_answers(query) for query in queries]
        replies: dict[int, Reply] = {}
        for turn, suspect in enumerate(self._suspects):
            places = [place for place, second in enumerate(chosen) if second == bool(turn)]
            if places:
                answered = suspect.ask([queries[place] for place in places])
                replies |= zip(places, answered, strict=True)
        return [replies[place] for place in range(len(queries))]

    def close(self) -> None:
        """Closes both."""
        for suspect in self._suspects:
            suspect.close()

    def _second_answers(self, query: Query) -> bool:
        occasion = Occasion(digest=query.digest, seed=self._seed)
        return bool(occasion.rng("turns").random() < self._share)


def _digest(query: Query) -> str:
    image = query.image.convert("RGB")
    return hashlib.sha256(f"{image.size}|".encode() + image.tobytes()).hexdigest()
