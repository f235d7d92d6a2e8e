"""A registered signature that a classifier's answers must spell: FIT-ModelDiff, with a key.

Shao et al.: "FIT-Print: Towards False-claim-resistant Model Ownership Verification via Targeted
Fingerprint" (arXiv:2501.15509). Each bit has two inputs. The correlation of a network's logits for
the two is read (the paper's cosine, of logits less their mean, which softmax does not see), and the
bit is 1 where it is above a threshold. The second input of each pair is moved until the protected
network, and copies made of it, spell the signature.

Who claims could otherwise look for the signature that a stranger spells already. So pairs and
threshold are fixed first, and the signature is HMAC-SHA256 of them under a key that is committed
to: `Pairs.digest` and a commitment to the key are what is registered.

What is exact. For a network whose bits do not depend on the signature, matches are
Binomial(bits, 1/2): the coins are the signature's, so that its own bits may be whatever they are,
all equal or any function of one another. That holds by construction for any other key than the one
that the inputs were moved for. For the key that they were moved for it is an assumption about the
stranger: given its other bits, it matches each with a probability of at most 1/2, that is, what
moves the protected network does not move the stranger the same way more often than not. Networks of
one task share features, so that it must be looked at; `innocents` are networks that it is enforced
on while the inputs move. Knows nothing of files.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from sif.errors import ModelError, UsageError
from sif.networks.domain import Domain, Fingerprints, Inputs, transformed
from sif.networks.network import Network, Outputs, answer
from sif.ownership.logspace import SMALLEST

DOMAIN: Final = b"sif network signature 1\0"
KEY_BYTES: Final = 32
Bits = Bool[Tensor, " bits"]
Correlations = Float[Tensor, " bits"]


class Signing(BaseModel):
    """How the inputs are moved.

    Attributes:
        bits: of the signature; each takes two inputs.
        iterations: steps of Adam.
        rate: Adam's, as a share of the domain's span.
        margin: by which correlations should be on the signature's side of the threshold.
        drawn: copies, and innocents, that are drawn at every step.
        copy_weight: of the loss on copies; the protected network's is 1.
        innocent_weight: of the loss on innocents, which are pushed to the other side.
        jitter: noise on the inputs at every step, as a share of the span.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    bits: int = Field(default=50, ge=2, le=100_000)
    iterations: int = Field(default=300, ge=1, le=10_000_000)
    rate: float = Field(default=1e-2, gt=0)
    margin: float = Field(default=0.3, ge=0, le=2)
    drawn: int = Field(default=2, ge=1, le=10_000)
    copy_weight: float = Field(default=1.0, ge=0)
    innocent_weight: float = Field(default=1.0, ge=0)
    jitter: float = Field(default=0.02, ge=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """What is fixed before the signature is drawn.

    Attributes:
        first: an input for each bit, which stays.
        second: another, from which the moving begins.
        threshold: correlations above it are read as 1; half of the pairs are above it at first.
        domain: of the inputs.
    """

    first: Fingerprints
    second: Fingerprints
    threshold: float
    domain: Domain

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of all of it, as it is stored."""
        found = hashlib.sha256(f"{self.domain.model_dump_json()} {self.threshold!r};".encode())
        for inputs in (self.first, self.second):
            found.update(self.domain.encode(inputs).contiguous().numpy().tobytes())
        return found.hexdigest()

    def signature(self, key: bytes) -> Bits:
        """The bits that a key of 32 bytes draws for these pairs.

        Raises:
            UsageError: a key of another length.
        """
        if len(key) != KEY_BYTES:
            raise UsageError(f"expected a key of {KEY_BYTES} bytes, got {len(key)}")
        bits: list[bool] = []
        while len(bits) < len(self.first):
            place = len(bits) // (8 * KEY_BYTES)
            message = DOMAIN + f"{self.digest} {place}".encode()
            for byte in hmac.digest(key, message, "sha256"):
                bits += [bool(byte >> shift & 1) for shift in range(8)]
        return torch.tensor(bits[: len(self.first)])

    def bits(self, network: Network, moved: Fingerprints | None = None) -> Bits:
        """What a network spells, asked the pairs as they are or with the second inputs moved.

        Raises:
            ModelError: the network does not take the inputs, or gives no rows of logits.
        """
        second = self.second if moved is None else moved
        return _correlations(network, self.first, second) > self.threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A fingerprint that spells a signature.

    Attributes:
        pairs: as they were registered.
        moved: the second inputs as they are asked, exactly as they are read back after storing.
        signature: of the key.
    """

    pairs: Pairs
    moved: Fingerprints
    signature: Bits

    def matches(self, suspect: Network) -> int:
        """Bits of the signature that a suspect spells.

        Raises:
            ModelError: as of `Pairs.bits`.
        """
        return int((self.pairs.bits(suspect, self.moved) == self.signature).sum())

    def p_value(self, suspect: Network) -> float:
        """P(Binomial(bits, 1/2) ≥ matches), under the assumption of this module's first lines.

        Raises:
            ModelError: as of `Pairs.bits`.
        """
        return chance(self.matches(suspect), len(self.signature))


def chance(matches: int, bits: int) -> float:
    """P(Binomial(bits, 1/2) ≥ matches): how often a claim on so many matches is false; never 0.

    Raises:
        UsageError: no bits, or matches outside of 0 to `bits`.
    """
    from scipy.stats import binom

    if bits < 1 or not 0 <= matches <= bits:
        raise UsageError(f"expected 0 to {bits} matches of at least one bit, got {matches}")
    return max(SMALLEST, float(binom.sf(matches - 1, bits, 0.5)))


def needed(bits: int, false_claims: float) -> int | None:
    """The fewest matches for which `chance` is at most this; None where all bits are too few.

    Raises:
        UsageError: no bits, or a probability outside of (0, 1).
    """
    if not 0 < false_claims < 1:
        raise UsageError(f"expected a probability of false claims in (0, 1), got {false_claims}")
    return next((m for m in range(bits + 1) if chance(m, bits) <= false_claims), None)


def draw_pairs(
    protected: Network, bits: int, *, domain: Domain, ordinary: Inputs, seed: int
) -> Pairs:
    """Pairs of ordinary inputs, and the threshold that parts their correlations in halves.

    Args:
        protected: the owner's classifier.
        bits: how many pairs.
        domain: of the inputs.
        ordinary: inputs of the task, at least two.
        seed: of the draw.

    Raises:
        UsageError: fewer than two ordinary inputs, or inputs outside of the domain.
        ModelError: the network gives no rows of logits for at least two classes.
    """
    if len(ordinary) < 2:
        raise UsageError(f"expected at least two ordinary inputs, got {len(ordinary)}")
    inputs = domain.store(domain.check(ordinary, "ordinary inputs"))
    generator = torch.Generator().manual_seed(seed)
    first = torch.randint(len(inputs), (bits,), generator=generator)
    step = torch.randint(1, len(inputs), (bits,), generator=generator)
    one, other = inputs[first], inputs[(first + step) % len(inputs)]
    found = _correlations(protected, one, other)
    return Pairs(first=one, second=other, threshold=float(found.median()), domain=domain)


def sign(
    protected: Network,
    pairs: Pairs,
    key: bytes,
    settings: Signing,
    *,
    copies: Sequence[Network] = (),
    innocents: Sequence[Network] = (),
    seed: int,
) -> Signed:
    """Moves the second inputs until the protected network and its copies spell the signature.

    Args:
        protected: the owner's classifier; lets gradients through, as all of them.
        pairs: as they were registered.
        key: 32 bytes, committed to before.
        settings: how; `bits` is the number of pairs.
        copies: that are to spell it too.
        innocents: independent networks that are pushed away from it.
        seed: of what is drawn at every step.

    Raises:
        UsageError: a key of another length.
        ModelError: a network without rows of logits, or without a gradient.
    """
    signature, domain = pairs.signature(key), pairs.domain
    sides = signature.float() * 2 - 1
    generator = torch.Generator().manual_seed(seed)
    places = nn.Parameter(domain.places(pairs.second))
    optimiser = torch.optim.Adam([places], lr=settings.rate)

    def short(network: Network, moved: Inputs, side: Tensor, margin: float) -> Tensor:
        read = _correlation(network(pairs.first), network(moved))
        return (margin - side * (read - pairs.threshold)).relu().mean()

    for _ in range(settings.iterations):
        moved = transformed(
            domain.at(places), domain, jitter=settings.jitter, shift=0, generator=generator
        )
        loss = short(protected, moved, sides, settings.margin)
        for some, side, weight in (
            (copies, sides, settings.copy_weight),
            (innocents, -sides, settings.innocent_weight),
        ):
            chosen = torch.randperm(len(some), generator=generator)[: settings.drawn].tolist()
            for place in chosen:
                lost = short(some[place], moved, side, settings.margin)
                loss = loss + weight / len(chosen) * lost
        if not loss.requires_grad:
            raise ModelError("expected networks that let gradients through, got none")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            places.clamp_(0, 1)
    moved = domain.store(domain.at(places.detach()))
    return Signed(pairs=pairs, moved=moved, signature=signature)


def _correlations(network: Network, first: Inputs, second: Inputs) -> Correlations:
    with torch.no_grad():
        shape = tuple(network(first[:1]).shape[1:])
    if len(shape) != 1 or shape[0] < 2:
        raise ModelError(
            "expected a classifier, which gives a row of logits for at least two classes, got "
            f"outputs of shape {shape}"
        )
    one, other = (
        answer(network, inputs, outputs=shape, name="the network") for inputs in (first, second)
    )
    return _correlation(one, other)


def _correlation(one: Outputs, other: Outputs) -> Correlations:
    first, second = (said - said.mean(1, keepdim=True) for said in (one, other))
    return torch.cosine_similarity(first, second, dim=1)
