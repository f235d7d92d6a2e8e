"""Blocks whose inner activations are computed again in the backward pass instead of being kept.

Not transformers' own switch, which works in training mode only, where dropout would begin. Hooks on
a block see it once, as without. Knows nothing of losses.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint

from sif.vlm.forward import forward_replaced
from sif.vlm.model import Vlm


def blocks_of(vlm: Vlm) -> list[nn.Module]:
    """The blocks of the language model and of the towers beside it, none inside another."""
    from transformers.modeling_layers import GradientCheckpointingLayer

    found: dict[str, nn.Module] = {}
    for name, module in vlm.model.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in found)
        if isinstance(module, GradientCheckpointingLayer) and not inside:
            found[name] = module
    return list(found.values()) or vlm.layers


@contextmanager
def checkpointed(vlm: Vlm) -> Iterator[None]:
    """Keeps what goes into every block and nothing of what is inside; results are the same."""
    with ExitStack() as stack:
        for block in blocks_of(vlm):
            again = partial(
                checkpoint, block.forward, use_reentrant=False, preserve_rng_state=False
            )
            stack.enter_context(forward_replaced(block, again))
        yield
