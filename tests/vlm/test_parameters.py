"""Parameters in another precision."""

import torch
from torch import nn

from sif.vlm.parameters import cast


def test_another_precision_leaves_rotations_and_counts_as_they_are() -> None:
    module = nn.Linear(2, 2)
    turn = torch.polar(torch.ones(3), torch.arange(3.0))
    module.register_buffer("turn", turn.clone())
    module.register_buffer("count", torch.arange(3))
    module.register_buffer("mean", torch.ones(3))
    cast(module, torch.bfloat16)
    assert {module.weight.dtype, module.bias.dtype, module.mean.dtype} == {torch.bfloat16}
    assert torch.equal(module.turn, turn)
    assert module.count.dtype == torch.int64
