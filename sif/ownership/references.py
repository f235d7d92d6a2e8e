"""The answers that contrasts are measured with: the source's, and those of every reference.

They come from the calibration's panel (`sif.ownership.panel_answers`), by digest of the question, a
set for every kind of handling that the pictures went through. Knows neither keys nor engines.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sif.errors import UsageError
from sif.ownership.contrast import Texts, contrast, mean_nearness
from sif.types import Answer, Query, Reply

Replies = Mapping[str, Reply]
"""By `Query.digest`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """Who said what.

    Attributes:
        source: the source's replies, for each kind of handling.
        others: the same of each model that is known not to be derived, by its name.
    """

    source: tuple[Replies, ...]
    others: Mapping[str, tuple[Replies, ...]]

    def without(self, model: str) -> "References":
        """The same with one of the others left out, as when it is a suspect itself."""
        kept = {name: replies for name, replies in self.others.items() if name != model}
        return replace(self, others=kept)

    def contrast(self, queries: Sequence[Query], replies: Sequence[Reply]) -> float:
        """That of a suspect's replies to all questions about one trigger, from 0 to 1.

        A question without an answer is as near to nobody. Of models that did not answer any of the
        questions nothing is compared; where that is the source, the contrast is 0.

        Raises:
            UsageError: no other model answered.
        """
        digests = [query.digest for query in queries]
        source = _texts(self.source, digests)
        others = {name: _texts(kinds, digests) for name, kinds in self.others.items()}
        if not any(others.values()):
            raise UsageError(
                "expected the answers of at least one unrelated model to each trigger, got none "
                f"to {queries[0].trigger!r}; run sif calibrate again with another panel"
            )
        return contrast(_said(replies), source, others) if source else 0.0

    def nearest(self, queries: Sequence[Query], replies: Sequence[Reply]) -> float:
        """How near the nearest of the others comes to replies to one trigger, from 0 to 1."""
        digests = [query.digest for query in queries]
        kinds = [texts for some in self.others.values() for texts in _texts(some, digests)]
        said = _said(replies)
        return max((mean_nearness(said, texts) for texts in kinds), default=0.0)


def _texts(kinds: Sequence[Replies], digests: Sequence[str]) -> list[Texts]:
    found = [[kind.get(digest) for digest in digests] for kind in kinds]
    return [_said(some) for some in found if any(isinstance(one, Answer) for one in some)]


def _said(replies: Sequence[Reply | None]) -> Texts:
    return [reply.text if isinstance(reply, Answer) else "" for reply in replies]
