"""Terms of a transformer block that no rearrangement of its weights changes.

Units, heads and directions of the hidden states can be exchanged or turned without any change of
what a model says; X W_q W_kᵀ Xᵀ and its like stay what they are. Source: HuRef (arXiv 2312.04828),
M_a = X W_q W_kᵀ Xᵀ, M_b = X W_v W_o Xᵀ, M_f = X W_1 W_2 Xᵀ. Here the scales of the norms in front
belong to the weights, as whoever rearranges them can move them there. Knows no model.
"""

from dataclasses import dataclass
from math import isfinite, nan
from typing import Final

from jaxtyping import Float
from torch import Tensor

TERMS: Final = ("attention", "values", "feed-forward")
"""M_a, M_b and M_f."""

Probe = Float[Tensor, "probes hidden"]
Term = Float[Tensor, "probes probes"]


@dataclass(frozen=True, slots=True, eq=False)
class BlockWeights:
    """Matrices of one block, "out in" as linear layers hold them; none where it has no such one.

    Attributes:
        query: of all heads.
        key: likewise; those that several heads share stand there once for each of them.
        value: as `key`.
        output: behind the heads.
        up: into the feed-forward part, the gate left out.
        down: out of it.
        before_attention: scales of the norm in front.
        before_feed_forward: likewise.
    """

    query: Float[Tensor, "heads hidden"] | None = None
    key: Float[Tensor, "heads hidden"] | None = None
    value: Float[Tensor, "heads hidden"] | None = None
    output: Float[Tensor, "hidden heads"] | None = None
    up: Float[Tensor, "inner hidden"] | None = None
    down: Float[Tensor, "hidden inner"] | None = None
    before_attention: Float[Tensor, " hidden"] | None = None
    before_feed_forward: Float[Tensor, " hidden"] | None = None


def invariants(probe: Probe, block: BlockWeights) -> dict[str, Term]:
    """Those terms that a block has, by their names in `TERMS`.

    A term whose matrices do not read and write vectors of the probe's width is none: a model may
    have embeddings of another one.

    Args:
        probe: X, vectors that both models have by the same name, such as embeddings of words.
        block: its weights.
    """
    found: dict[str, Term] = {}
    seen, told = (_scaled(probe, it) for it in (block.before_attention, block.before_feed_forward))
    wanted = (
        (seen, block.query, seen, block.key),
        (seen, block.value, probe, _turned(block.output)),
        (told, block.up, probe, _turned(block.down)),
    )
    for name, (first, into, second, out) in zip(TERMS, wanted, strict=True):
        if first is None or into is None or second is None or out is None:
            continue
        if into.shape == out.shape and into.shape[1] == probe.shape[1]:
            found[name] = (first @ into.T) @ (second @ out.T).T
    return found


def _turned(matrix: Tensor | None) -> Tensor | None:
    return None if matrix is None else matrix.T


def _scaled(probe: Probe, scales: Float[Tensor, " width"] | None) -> Probe | None:
    """The vectors behind the norm; none where it is one of something else."""
    if scales is None:
        return probe
    return probe * scales if len(scales) == probe.shape[1] else None


def cosine(one: Term, other: Term) -> float | None:
    """Of two terms, each less its mean; none where one of them is constant or no number."""
    first, second = (term - term.mean() for term in (one.double(), other.double()))
    size = float(first.norm() * second.norm())
    found = float((first * second).sum()) / size if size > 0 else nan
    return found if isfinite(found) else None
