"""A head sees rows: the same numbers, without a copy of itself."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from sif.vlm.head import sees_rows
from sif.vlm.model import Vlm


class Products(TorchDispatchMode):
    """Lists the products of matrices, and the largest copy that was made."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, function, types, given=(), named=None):  # type: ignore[no-untyped-def]
        self.names.append(function._schema.name.split("::")[1])
        return function(*given, **(named or {}))


class Model:
    """Something with a head."""

    def __init__(self, head: nn.Module) -> None:
        self.head = head

    def get_output_embeddings(self) -> nn.Module:
        return self.head


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("cut", [slice(-4, None), slice(None, 4), slice(-1, None)])
def test_the_last_positions_are_multiplied_as_rows(
    batch: int, cut: slice, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    head = nn.Linear(24, 40, bias=False).to(dtype).requires_grad_(False)
    whole = torch.randn(batch, 9, 24, dtype=dtype, requires_grad=True)
    wanted = head(whole[:, cut])
    (gradient,) = torch.autograd.grad(wanted.sum(), whole)
    with Products() as before:
        head(whole[:, cut])
    assert "bmm" in before.names  # else nothing is left to mend
    sees_rows(Model(head))
    with Products() as seen:
        found = head(whole[:, cut])
    assert "bmm" not in seen.names
    assert torch.equal(found, wanted)
    assert torch.equal(torch.autograd.grad(found.sum(), whole)[0], gradient)


def test_what_lies_in_rows_is_not_copied() -> None:
    head, seen = nn.Linear(24, 40), list[Tensor]()
    sees_rows(Model(head))
    head.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    whole = torch.randn(2, 9, 24)
    for values in (whole, whole.bfloat16(), whole[0, 0].bfloat16(), whole[:, 3:]):
        head.to(values.dtype)(values)
        assert seen[-1] is values


def test_other_heads_are_left_alone() -> None:
    class Own(nn.Linear):
        """Such as a quantised one."""

    for head in (Own(2, 2), nn.Identity()):
        sees_rows(Model(head))
        assert not head._forward_pre_hooks


def test_loaded_models_see_rows(untrained_llava: Path, untrained_qwen: Path) -> None:
    for folder in (untrained_llava, untrained_qwen):
        assert Vlm.load(folder, device="cpu").model.get_output_embeddings()._forward_pre_hooks
