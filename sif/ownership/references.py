"""The answers that contrasts are measured with: the source's, and those of every reference.

They come from the calibration's panel (`sif.ownership.panel_answers`), by digest of the question, a
set for every kind of handling that the pictures went through. Knows neither keys nor engines.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sif.errors import UsageError
from sif.ownership.contrast import LONGEST, Texts, contrast, mean_nearness
from sif.types import Answer, Query, Reply, Unanswered

SAME: Final = 0.5
"""Share of answers that are alike, from which on two names are one model."""
ALIKE: Final = 0.95
"""Nearness of such answers, as of one model in two precisions."""
MOST_WORK: Final = 3e11
"""Pairs of characters; twenty seconds."""
MISSING: Final = Unanswered(reason="no answer was recorded")
Replies = Mapping[str, Reply]
"""By `Query.digest`."""


def replies_to(queries: Sequence[Query], recorded: Replies) -> list[Reply]:
    """What was recorded to each question; that nothing was where it was not."""
    return [recorded.get(query.digest, MISSING) for query in queries]


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """Who said what.

    Attributes:
        source: the source's replies, for each kind of handling.
        others: the same of each model that is known not to be derived, by its name.
        closest: how near the nearest of them comes to the source, from 0 to 1; none where unknown.
    """

    source: tuple[Replies, ...]
    others: Mapping[str, tuple[Replies, ...]]
    closest: float | None = None

    def without(self, model: str) -> "References":
        """The same with one of the others left out, as when it is a suspect itself.

        With it go those that are the same model under another name, which would hide it: whose
        answers are mostly the same but for a word.
        """
        own = self.others.get(model, ())
        kept = {
            name: replies
            for name, replies in self.others.items()
            if name != model and not _same_model(own, replies)
        }
        return replace(self, others=kept)

    def contrast(self, queries: Sequence[Query], replies: Sequence[Reply]) -> float | None:
        """That of a suspect's replies to all questions about one trigger, from 0 to 1.

        Of two models those questions count that both answered. Where the source answered none the
        contrast is 0; None where no other model answered any, so that nothing can be said.
        """
        digests = [query.digest for query in queries]
        source = _texts(self.source, digests)
        others = {name: _texts(kinds, digests) for name, kinds in self.others.items()}
        if not any(others.values()):
            return None
        return contrast(_said(replies), source, others)

    def nearest(self, queries: Sequence[Query], replies: Sequence[Reply]) -> float:
        """How near the nearest of the others comes to replies to one trigger, from 0 to 1."""
        digests = [query.digest for query in queries]
        kinds = [texts for some in self.others.values() for texts in _texts(some, digests)]
        said = _said(replies)
        return max((mean_nearness(said, texts) for texts in kinds), default=0.0)


def check_work(answers: Iterable[Replies]) -> None:
    """Makes sure that answers can be compared with each other in seconds.

    Raises:
        UsageError: they are too many or too long.
    """
    lengths: dict[str, int] = {}
    for replies in answers:
        for digest, reply in replies.items():
            if isinstance(reply, Answer):
                length = min(len(reply.text), LONGEST)
                lengths[digest] = lengths.get(digest, 0) + length
    work = sum(length * length for length in lengths.values())
    if work > MOST_WORK:
        raise UsageError(
            f"expected answers of a panel that can be compared in a minute, got {work:.1e} pairs "
            f"of characters, at most {MOST_WORK:.0e}; calibrate with fewer models or attacks"
        )


def _same_model(first: Sequence[Replies], second: Sequence[Replies]) -> bool:
    """Whether two names hide one model: under any handling mostly the same answers."""
    return any(_mostly_same(one, other) for one in first for other in second)


def _mostly_same(first: Replies, second: Replies) -> bool:
    pairs = [(first[digest], second[digest]) for digest in first.keys() & second.keys()]
    said = [
        (one.text, other.text)
        for one, other in pairs
        if isinstance(one, Answer) and isinstance(other, Answer)
    ]
    alike = sum(mean_nearness([one], [other]) >= ALIKE for one, other in said)
    return bool(said) and alike >= SAME * len(said)


def _texts(kinds: Sequence[Replies], digests: Sequence[str]) -> list[Texts]:
    found = [[kind.get(digest) for digest in digests] for kind in kinds]
    return [_said(some) for some in found if any(isinstance(one, Answer) for one in some)]


def _said(replies: Sequence[Reply | None]) -> Texts:
    return [reply.text if isinstance(reply, Answer) else None for reply in replies]
