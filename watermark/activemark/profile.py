"""The activation profile: how large the largest activations are, block by block.

The expressive block is the first one where they explode (ActiveMark, arXiv 2510.04966, §3.1).
Knows nothing of models.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from sif.errors import UsageError

TOP: Final = 5
"""k, activations of each image that are averaged, as in the authors' code."""


class Profile(NamedTuple):
    """Block by block.

    Attributes:
        magnitudes: mean over images of the mean of the k largest |activation|.
        jumps: each as a multiple of that of the block before; 1 for the first.
        block: the expressive one, counted from 0.
    """

    magnitudes: tuple[float, ...]
    jumps: tuple[float, ...]
    block: int


def largest_activations(
    hidden: Float[Tensor, "batch positions hidden"], *, top: int = TOP
) -> Float[Tensor, " batch"]:
    """The mean of the `top` largest absolute activations of each image."""
    flat = hidden.flatten(1).abs()
    return flat.topk(min(top, flat.shape[1])).values.mean(1)


def profile_of(magnitudes: Sequence[float]) -> Profile:
    """The jumps from block to block, and where the largest is.

    The last block is never chosen: what is written into one of its tokens reaches no other.

    Raises:
        UsageError: fewer than three blocks.
    """
    if len(magnitudes) < 3:
        raise UsageError(
            f"expected a tower of at least 3 blocks, got {len(magnitudes)}; there is no room for "
            "a mark"
        )
    values = torch.tensor(magnitudes, dtype=torch.float64)
    jumps = torch.cat([torch.ones(1, dtype=torch.float64), values[1:] / values[:-1]])
    block = 1 + int(jumps[1:-1].argmax())
    return Profile(tuple(map(float, magnitudes)), tuple(jumps.tolist()), block)
