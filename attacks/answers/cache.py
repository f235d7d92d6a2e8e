"""A cache: a picture that was asked about before gets the answer that it got then."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sif.attacks.answers.serving import ServedSuspect, ServingAttack
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


def _digest(query: Query) -> str:
    image = query.image.convert("RGB")
    return hashlib.sha256(f"{image.size}|".encode() + image.tobytes()).hexdigest()
