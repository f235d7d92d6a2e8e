"""Terms of a transformer block that no rearrangement of its weights changes.

Units, heads and directions of the hidden states can be exchanged or turned without any change of
what a model says; X W_q W_kᵀ Xᵀ and its like stay what they are. Source: HuRef (arXiv 2312.04828),
M_a = X W_q W_kᵀ Xᵀ, M_b = X W_v W_o Xᵀ, M_f = X W_1 W_2 Xᵀ. Here the scales of the norms in front
belong to the weights, as whoever rearranges them can move them there. Knows no model.
"""

from dataclasses import dataclass
from typing import Final

import torch
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

    Args:
        probe: X, vectors that both models have by the same name, such as embeddings of words.
        block: its weights.
    """
    found: dict[str, Term] = {}
    seen = _scaled(probe, block.before_attention)
    if block.query is not None and block.key is not None:
        found[TERMS[0]] = (seen @ block.query.T) @ (seen @ block.key.T).T
    if block.value is not None and block.output is not None:
        found[TERMS[1]] = (seen @ block.value.T) @ (probe @ block.output).T
    if block.up is not None and block.down is not None:
        inside = _scaled(probe, block.before_feed_forward) @ block.up.T
        found[TERMS[2]] = inside @ (probe @ block.down).T
    return found


def _scaled(probe: Probe, scales: Float[Tensor, " hidden"] | None) -> Probe:
    return probe if scales is None else probe * scales


def cosine(one: Term, other: Term) -> float:
    """Of two terms, each less its mean; 0 where one of them is constant or no number."""
    first, second = (term - term.mean() for term in (one.double(), other.double()))
    size = float(first.norm() * second.norm())
    found = float((first * second).sum()) / size if size > 0 else 0.0
    return found if torch.isfinite(torch.tensor(found)) else 0.0
