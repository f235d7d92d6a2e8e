"""Whose answers a suspect's are most alike: the protected network's, or those of its references.

A *reference* is a network that the owner trained exactly like the protected one, from new initial
weights. The protected network and every reference have a *family*: the network, and copies of it
made by the same thefts. A suspect is as similar to a family as it is to the member nearest to it,
by the correlation of answers to inputs that lie between ordinary ones; nothing is trained. What
all families have in common is shrunk first, as far as copies stay alike.

For a suspect that has nothing of the protected network, that network is one of K + 1 trained alike,
and which of them comes nearest is chance. So its rank gives a p-value (a Monte Carlo test, Besag
and Clifford 1989) that holds for any innocent, whatever its architecture and its data. Ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from sif.errors import ModelError, UsageError
from sif.networks.domain import Domain, Inputs, starting_inputs
from sif.networks.joint_training import Trained
from sif.networks.method import Method
from sif.networks.network import Network, answer
from sif.networks.reading import OutputKind, unscaled_reading
from sif.networks.verifier import Own, Readings, Verifier

# Fisher's transform of a correlation has no end; answers that are the same are this much alike.
MOST_ALIKE: Final = 1 - 1e-6
# Directions that all networks share are shrunk, from weakly to strongly, as long as copies stay
# this much like their heads. Shares of the largest variance; chosen on the seeds of no table.
SHRUNK: Final = (0.3, 0.1, 0.03, 0.01, 0.003)
STILL_ALIKE: Final = 0.95
MOST_NUMBERS: Final = 1024
LEAST_VARIANCE: Final = 1e-12
# What is left of a number after its own mean was taken from it, where it never changes.
ROUNDING: Final = 1e-5

Profiles = Float[Tensor, "*networks places"]
Whitening = Float[Tensor, "numbers numbers"]


@dataclass(frozen=True, slots=True)
class Family:
    """A network and copies of it.

    Attributes:
        head: the network itself.
        copies: made by the same thefts, in the same order, in every family.
    """

    head: Network
    copies: Sequence[Network] = ()

    @property
    def members(self) -> list[Network]:
        """The network and its copies."""
        return [self.head, *self.copies]


class ContrastVerifier(Verifier):
    """One vote: how much more a network's answers are like the protected family's than references'.

    Args:
        profiles: of all members of all families, the protected one's first.
        whitening: that they were made with.
    """

    def __init__(
        self, profiles: Float[Tensor, "families members places"], whitening: Whitening
    ) -> None:
        super().__init__()
        self.register_buffer("profiles", profiles)
        self.register_buffer("whitening", whitening)

    @property
    def references(self) -> int:
        """How many there are, K."""
        return len(self.get_buffer("profiles")) - 1

    def similarities(self, readings: Readings) -> Float[Tensor, "networks families"]:
        """Fisher's transform of the correlation with the nearest member of each family."""
        asked = profiles_of(readings, self.get_buffer("whitening"))
        correlations = torch.einsum("nd,fmd->nfm", asked, self.get_buffer("profiles"))
        return correlations.amax(2).clamp(-MOST_ALIKE, MOST_ALIKE).atanh()

    def forward(self, readings: Readings, own: Own) -> Float[Tensor, "networks votes"]:
        """Twice the similarity to the protected family, less the mean of those to the references.

        With one reference and correlations near 1, the score is the distance to the reference as a
        share of the sum of both distances, where a distance is 1 less the correlation.
        """
        similar = self.similarities(readings)
        return 2 * (similar[:, :1] - similar[:, 1:].mean(1, keepdim=True))

    def p_values(self, readings: Readings) -> Float64[Tensor, " networks"]:
        """(1 + references that are at least as similar) / (K + 1); ties count against the owner."""
        similar = self.similarities(readings)
        reach = (similar[:, 1:] >= similar[:, :1]).sum(1)
        return (1 + reach).double() / (self.references + 1)


def profiles_of(
    readings: Float[Tensor, "*networks fingerprints numbers"], whitening: Whitening
) -> Profiles:
    """Unit vectors whose scalar products are correlations.

    Every number of a reading is taken from its own mean over the fingerprints: a copy whose outputs
    were all shifted has the same profile, and so have networks alike in nothing but their means.
    Networks that say the same to everything have a profile of zeros, like nobody's.
    """
    flat = (_centred(readings) @ whitening).flatten(-2)
    size = torch.linalg.vector_norm(flat, dim=-1, keepdim=True)
    rounding = ROUNDING * torch.linalg.vector_norm(readings @ whitening, dim=(-2, -1))[..., None]
    return torch.where(size > rounding, flat / size, torch.zeros_like(flat))


def choose_whitening(
    readings: Float[Tensor, "families members fingerprints numbers"],
) -> Whitening:
    """The matrix that shrinks what is common to all families, as strongly as copies bear.

    With the pooled covariance C of centred readings, its largest eigenvalue v and the identity I it
    is (C + s v I)^(-1/2), for the least share s of `SHRUNK` at which copies correlate with their
    heads at `STILL_ALIKE` on average; the identity where there is no such s, no copy, or more than
    `MOST_NUMBERS` numbers. All families count alike, so that ranks among them stay exchangeable.
    """
    numbers = readings.shape[-1]
    chosen = torch.eye(numbers)
    if readings.shape[1] < 2 or not 1 < numbers <= MOST_NUMBERS:
        return chosen
    rows = _centred(readings).reshape(-1, numbers).double()
    variances, directions = torch.linalg.eigh(rows.T @ rows / len(rows))
    variances = variances.clamp(min=0)
    for share in SHRUNK:
        shrunk = (variances + share * variances.max()).clamp(min=LEAST_VARIANCE).rsqrt()
        whitening = (directions * shrunk @ directions.T).to(readings.dtype)
        profiles = profiles_of(readings, whitening)
        if float((profiles[:, :1] * profiles[:, 1:]).sum(-1).mean()) >= STILL_ALIKE:
            chosen = whitening
    return chosen


def _centred(
    readings: Float[Tensor, "*networks fingerprints numbers"],
) -> Float[Tensor, "*networks fingerprints numbers"]:
    return readings - readings.mean(-2, keepdim=True)


def contrast_fingerprints(
    protected: Family,
    references: Sequence[Family],
    method: Method,
    *,
    domain: Domain,
    ordinary: Inputs,
    kind: OutputKind,
    seed: int,
) -> Trained:
    """Draws inputs and keeps what all members of all families say to them.

    Args:
        protected: the owner's network and copies of it.
        references: networks trained like it, and copies made of them in the same way; at least one.
        method: number of inputs, where they lie, how outputs are read.
        domain: of the inputs.
        ordinary: inputs of the task.
        kind: what outputs are.
        seed: of the inputs, which depend on nothing but that and the ordinary ones.

    Raises:
        UsageError: no references, or families of different sizes.
        ModelError: a network does not take the inputs, gives other shapes, or numbers that are not
            finite.
    """
    families = [protected, *references]
    if len(families) < 2:
        raise UsageError("expected at least one reference, got none")
    sizes = {len(family.members) for family in families}
    if len(sizes) > 1:
        raise UsageError(
            f"expected as many copies of every reference as of the protected network, got families "
            f"of {' and '.join(map(str, sorted(sizes)))}"
        )
    generator = torch.Generator().manual_seed(seed)
    known = domain.check(ordinary, "ordinary inputs")
    inputs = domain.store(
        starting_inputs(method.start, method.fingerprints, domain, known, generator)
    )
    with torch.no_grad():
        first = protected.head(inputs)
    reading = unscaled_reading(first, kind, method.read)
    shape = tuple(first.shape[1:])
    readings = torch.stack(
        [
            torch.stack([reading(_ask(member, inputs, shape)) for member in family.members])
            for family in families
        ]
    )
    whitening = choose_whitening(readings)
    return Trained(
        inputs=inputs,
        reading=reading,
        verifier=ContrastVerifier(profiles_of(readings, whitening), whitening).eval(),
        own=readings[0, 0],
        steps=0,
        held_out_loss=None,
    )


def _ask(member: Network, inputs: Inputs, shape: tuple[int, ...]) -> Tensor:
    said = answer(member, inputs, outputs=shape, name="a member of a family")
    if not torch.isfinite(said).all():
        raise ModelError("a member of a family answers with numbers that are not finite")
    return said
