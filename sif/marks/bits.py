"""Bits that a suspect's own representations spell, against a secret message: fair coins, exactly.

In the keyed read-out nothing secret goes in: image i is shown to the suspect, and n bits are read
off its representation by a rule that does not use the messages. Let b_i be those bits and m_i the
secret message, n bits that a keyed PRF gives for the image. If the suspect does not depend on the
secret, then, whatever b_i is and however images and rule were chosen without the secret,
b_i XOR m_i is uniform, because m_i is; and it is independent from image to image, because the m_i
are. So the number of matching bits of an image is Binomial(n, 1/2), exactly, for every such
suspect, the unmarked source included. Images must not be dropped or replaced for how well they
decode: that choice would depend on the messages.

E_k = Σ_j w_j Π_{i≤k} exp(λ_j g_i) / ((1 + exp(λ_j)) / 2)^n with g_i matching bits is then a
martingale that starts at 1: the probability of its ever reaching 1/α is at most α (Ville). Knows
counts only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from jaxtyping import Float
from scipy.stats import binom

from sif.errors import UsageError
from sif.ownership.policy import TILTS
from sif.ownership.tail import log_upper_tail
from sif.ownership.wealth import Wealth, equal_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class FairBits:
    """The number of matching bits of one image under independence from the key.

    Attributes:
        bits: n, of a message.

    Raises:
        UsageError: no bits.
    """

    bits: int

    def __post_init__(self) -> None:
        if self.bits < 1:
            raise UsageError(f"expected at least 1 bit in a message, got {self.bits}")

    def log_e_values(
        self, matches: int, tilts: Float[np.ndarray, " tilts"]
    ) -> Float[np.ndarray, " tilts"]:
        """Natural logarithms of e(λ) = exp(λg) / E[exp(λG)], one for each λ; each has mean 1.

        Raises:
            UsageError: more matches than bits, or fewer than none.
        """
        self._check(matches)
        return np.asarray(tilts * matches - self.bits * (np.logaddexp(0.0, tilts) - log(2.0)))

    def log_p_value_of_sum(self, matches: Sequence[int]) -> float:
        """Natural logarithm of P(ΣG ≥ Σg), exactly; for a number of images fixed beforehand.

        Raises:
            UsageError: as of `log_e_values`.
        """
        for one in matches:
            self._check(one)
        coin = np.log([0.5, 0.5])
        return log_upper_tail([(0, coin, self.bits * len(matches))], sum(matches))

    def threshold(self, false_positive_rate: float) -> int | None:
        """τ, the most wrong bits at which an image counts as detected.

        The largest τ with P(Binomial(n, 1/2) ≤ τ) at most the rate; none where even a message
        without errors is likelier than that.

        Raises:
            UsageError: a rate outside (0, 1).
        """
        if not 0.0 < false_positive_rate < 1.0:
            raise UsageError(
                f"expected a false-positive rate between 0 and 1, got {false_positive_rate:g}"
            )
        allowed = binom.cdf(np.arange(self.bits + 1), self.bits, 0.5) <= false_positive_rate
        return int(allowed.sum()) - 1 if allowed[0] else None

    def false_positive_rate(self, threshold: int) -> float:
        """P(Binomial(n, 1/2) ≤ τ): how often an image is detected by chance."""
        return float(binom.cdf(threshold, self.bits, 0.5))

    def _check(self, matches: int) -> None:
        if not 0 <= matches <= self.bits:
            raise UsageError(f"expected 0 to {self.bits} matching bits, got {matches}")


def images_needed(images: int, *, chance: float, alpha: float) -> int | None:
    """The fewest detected images that fair bits reach with a probability of at most α.

    Args:
        images: hold-out images.
        chance: that one of them is detected by chance.
        alpha: of the whole decision.

    Returns:
        The number; none where even all images together are no proof.
    """
    tails = binom.sf(np.arange(images), images, chance)  # P(> k), so P(≥ k + 1)
    enough = np.flatnonzero(tails <= alpha)
    return int(enough[0]) + 1 if len(enough) else None


class BitEvidence(Wealth):
    """The running e-value of one suspect, image by image, in the order of the watermark.

    Args:
        null: of one image.
        alpha: α, the largest probability of a claim against an independent model.
        tilts: λ of the mixture, with equal weights; those of the green lists.

    Attributes:
        images: so far.
        matches: bits so far that were as in the message.
        log10_e_value: of all images so far.
        highest: the largest log10 e-value so far, 0 at the start; the decision rests on it.

    Raises:
        UsageError: α outside (0, 0.5).
    """

    def __init__(
        self, null: FairBits, *, alpha: float = 1e-6, tilts: Sequence[float] = TILTS
    ) -> None:
        if not 0.0 < alpha < 0.5:
            raise UsageError(f"expected alpha between 0 and 0.5, got {alpha:g}")
        self.null = null
        self.alpha = alpha
        self.images = 0
        self.matches = 0
        self._tilts = np.asarray(tilts, dtype=np.float64)
        super().__init__(equal_weights(len(self._tilts)))

    def add(self, matches: int) -> float:
        """Takes in one image's matching bits and returns the log10 e-value so far.

        Raises:
            UsageError: an impossible number.
        """
        self._win(self.null.log_e_values(matches, self._tilts))
        self.images += 1
        self.matches += matches
        return self.log10_e_value

    @property
    def independence_refuted(self) -> bool:
        """Whether the e-value was 1/α or more at some point."""
        return self.refutes(self.alpha)
