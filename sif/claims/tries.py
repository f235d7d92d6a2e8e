"""How many draws a claimant could choose among, and what that costs each of the two e-values.

Two things are drawn by lot from tokens that he can ask for again: the keys, from the anchor, and
the order of asking, from the timestamp over the commitment. He may know all answers beforehand, as
he may have asked the suspect before. With T tokens in all, T₁ anchors and T₂ orders, T₁ + T₂ ≤ T:

- **Independence** is a statement about keys. For one anchor and one order the e-value ever reaches
  1/α′ with a probability of at most α′ (Ville), as the keys are uniform and the order is drawn
  without them. Which anchor he goes on with, and for which order he stops asking for more, he
  decides after looking; but the pair that he shows is one of at most T₁ · T₂ ≤ T²/4 that could have
  come, and one of these carries a false claim with a probability of at most α′ T²/4.
- **Transfer** is a statement about the suspect's mean reaction to the triggers as they are, under
  the keys that they have. Only the order is by chance in it, so T orders cost a factor of T. Keys
  that suit one suspect raise its mean reaction; what excludes them is independence.

Where the order follows from the secret, it comes with the keys and costs nothing beyond them, but
its owner knew it when making triggers. In the maker's own order nothing is drawn but the keys.
Knows counts of tries only.
"""

from math import log10
from typing import Literal, NamedTuple

OrderSource = Literal["maker", "secret", "timestamp"]
"""Who decided on the order of asking."""


class Tries(NamedTuple):
    """log10 of the draws that are taken off, by what they are taken off from."""

    independence: float
    transfer: float

    def times(self, log10_more: float) -> "Tries":
        """As many again of both: runs that were not shown, for example."""
        return Tries(self.independence + log10_more, self.transfer + log10_more)


def tries_of(*, anchored: bool, order: OrderSource, secrets: float, tokens: float) -> Tries:
    """What a claimant could have chosen among.

    Args:
        anchored: whether the keys hang on a token; else on a secret of his.
        order: what the order of asking was drawn from.
        secrets: that he could have tried.
        tokens: T, that he could have asked for.
    """
    if order != "timestamp":
        keys = log10(tokens if anchored else secrets)
        return Tries(keys, log10(secrets) if order == "secret" else keys)
    both = max(tokens, tokens * tokens / 4.0) if anchored else secrets * tokens
    return Tries(log10(both), log10(tokens))
