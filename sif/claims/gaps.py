"""What questions without an answer cost: a discount that no choice of gaps gets around.

Whoever writes the journal can call any answer a failure after he has seen all of them, and an
e-value over the answers that he kept is no e-value. So the audit takes off, of N questions that the
commitment allows and d that were asked and have no answer,

    log10 of exp(1/10) · (10 N)^d:   0.04 where all were answered, and 1 + log10 N for each gap.

**Proof.** Fix a set S of questions, before anybody answers. The running e-value E_S that leaves the
questions in S out is a nonnegative supermartingale from 1 under either null: the counts of the rest
are as they always are. By Ville's inequality it ever reaches e^(1/10) (10 N)^|S| / α with a
probability of at most α e^(−1/10) (10 N)^(−|S|). Over all 2^N sets this is, by the binomial law,

    α e^(−1/10) Σ_d C(N, d) (10 N)^(−d) = α e^(−1/10) (1 + 1/(10 N))^N ≤ α.

So with a probability of at least 1 − α no S whatever, and so not the one that is chosen after all
answers and keys are known, carries a false claim, nor does a better moment of stopping. ∎

Nothing is assumed of how long the answers were that are missing, and no honest claim is lost for
one picture that an endpoint refuses. Against transfer the rest of a trigger that was answered in
part must not move unrelated models further than the whole. Knows counts of questions only.
"""

from collections.abc import Sequence
from math import e, log10
from typing import Final

from sif.claims.record import Line
from sif.types import Answer, Query, Reply, Suspect

PRICE: Final = 10.0
WITHOUT_GAPS: Final = log10(e) / PRICE
"""log10 of what a run is discounted by in which everything was answered."""


def log10_discount(gaps: int, questions: int) -> float:
    """What is taken off both e-values for so many gaps among all questions that may be asked."""
    return WITHOUT_GAPS + gaps * log10(PRICE * questions)


def gaps_of(lines: Sequence[Line]) -> int:
    """Questions that were asked and have no answer at last."""
    answered = {line.digest for line in lines if line.text is not None}
    return len({line.digest for line in lines} - answered)


class CountingGaps:
    """A suspect, and how many questions it left without an answer.

    Args:
        suspect: stays the caller's to close.

    Attributes:
        gaps: so far.
    """

    def __init__(self, suspect: Suspect) -> None:
        self._suspect = suspect
        self.gaps = 0

    @property
    def name(self) -> str:
        """The suspect's own."""
        return self._suspect.name

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """The suspect's replies."""
        replies = self._suspect.ask(queries)
        self.gaps += sum(not isinstance(reply, Answer) for reply in replies)
        return replies

    def close(self) -> None:
        """Closes the suspect."""
        self._suspect.close()
