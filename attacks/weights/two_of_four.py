"""2:4 pruning: of every four neighbouring weights the two smallest become zero.

The pattern that sparse tensor cores compute with (Mishra et al. 2021, arXiv:2104.08378). Knows
nothing of data: weights are chosen by their size alone, four by four.
"""

from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sif.attacks.weights.attack import Facts, Progress, WeightAttack, Workbench
from sif.attacks.weights.parts import linear_layers


class TwoOfFour(WeightAttack):
    """Sets two of every four neighbours along a linear layer's input to zero.

    A row's last one to three weights, where its length is no multiple of four, stay as they are.
    """

    name: ClassVar[str] = "prune-2:4"

    @torch.no_grad()
    def apply(self, model: Any, processor: Any, bench: Workbench) -> Facts:
        """Prunes in place, the output head and the embeddings excepted."""
        layers = linear_layers(model)
        for step, layer in enumerate(layers.values(), start=1):
            layer.weight.copy_(keep_two_of_four(layer.weight))
            bench.report(Progress(stage=self.name, step=step, steps=len(layers)))
        return {"layers": len(layers)}


def keep_two_of_four(weight: Float[Tensor, "rows columns"]) -> Float[Tensor, "rows columns"]:
    """A copy in which the two smallest magnitudes of every four neighbours in a row are zero."""
    whole = weight.shape[1] // 4 * 4
    groups = weight[:, :whole].reshape(weight.shape[0], -1, 4)
    smallest: Int[Tensor, "rows groups 2"] = groups.abs().topk(2, dim=-1, largest=False).indices
    kept = groups.scatter(-1, smallest, 0.0).reshape(weight.shape[0], whole)
    return torch.cat([kept, weight[:, whole:]], dim=1)
