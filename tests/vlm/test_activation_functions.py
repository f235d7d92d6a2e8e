"""Activation functions' values computed again: less is kept, and nothing else is different."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional as F

from sif.vlm import activation_functions
from sif.vlm.activation_functions import computed_again
from sif.vlm.model import Vlm

ROWS, WIDTH = 32, 16


class Gated(nn.Module):
    """A gated block as language models have them, with frozen weights."""

    def __init__(self, function: nn.Module) -> None:
        super().__init__()
        self.gate, self.up = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(2))
        self.function = function
        self.requires_grad_(False)

    def forward(self, given: Tensor) -> Tensor:
        made: Tensor = self.function(self.gate(given)) * self.up(given)
        return made


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model is large, one without weights too."""
    monkeypatch.setattr(activation_functions, "LARGE", -1)


@contextmanager
def counting(bytes_kept: list[int]) -> Iterator[None]:
    """Notes the bytes that the backward pass waits for, a storage once."""
    storages: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storages[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        yield
    bytes_kept.append(sum(storages.values()))


def slope(model: nn.Module, given: Tensor) -> Tensor:
    leaf = given.clone().requires_grad_()
    with computed_again(model):
        loss = model(leaf).square().sum()
    loss.backward()
    assert leaf.grad is not None
    return leaf.grad


@pytest.mark.parametrize("function", [nn.SiLU(), nn.GELU(), nn.GELU("tanh"), nn.ReLU()])
def test_the_gradient_is_the_same_to_the_bit(function: nn.Module, large: None) -> None:
    model, given = Gated(function), torch.randn(ROWS, WIDTH)
    leaf = given.clone().requires_grad_()
    model(leaf).square().sum().backward()
    assert leaf.grad is not None
    assert torch.equal(slope(model, given), leaf.grad)


def test_one_table_in_three_is_not_kept(large: None, monkeypatch: pytest.MonkeyPatch) -> None:
    model, given = Gated(nn.SiLU()), torch.randn(ROWS, WIDTH, requires_grad=True)
    whole: list[int] = []
    with counting(whole):
        plain = model(given)
    kept: dict[int, int] = {}

    def hooks(pack, unpack):  # type: ignore[no-untyped-def]
        def keep(tensor: Tensor) -> object:
            packed = pack(tensor)
            for held in (packed,) if isinstance(packed, Tensor) else (packed.given,):
                kept[held.data_ptr()] = held.untyped_storage().nbytes()
            return packed

        return saved_tensors_hooks(keep, unpack)

    monkeypatch.setattr(activation_functions, "saved_tensors_hooks", hooks)
    with computed_again(model):
        again = model(given)
    assert whole == [sum(kept.values()) + ROWS * WIDTH * 4]
    assert torch.equal(plain, again)


def test_a_model_of_today_gives_the_same_slopes(untrained_qwen: Path, large: None) -> None:
    vlm = Vlm.load(untrained_qwen, device="cpu")
    layer = vlm.layers[0].mlp
    given = torch.randn(2, 5, vlm.model.config.text_config.hidden_size, dtype=vlm.model.dtype)
    leaf = given.clone().requires_grad_()
    layer(leaf).float().square().sum().backward()
    assert leaf.grad is not None
    assert torch.equal(slope(layer, given).float(), leaf.grad.float())


def test_what_is_changed_in_place_afterwards_is_said(large: None) -> None:
    model, given = Gated(nn.SiLU()), torch.randn(ROWS, WIDTH, requires_grad=True)
    held: list[Tensor] = []
    model.gate.register_forward_hook(lambda module, inputs, output: held.append(output))
    with computed_again(model):
        loss = model(given).sum()
    with torch.no_grad():
        held[0].add_(1)
    with pytest.raises(RuntimeError, match="in place"):
        loss.backward()


def test_views_and_what_was_changed_since_are_kept_as_they_are(large: None) -> None:
    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.function = nn.SiLU()

        def forward(self, given: Tensor) -> Tensor:
            made = self.function(given)
            twice: Tensor = made.T * given + self.function(given).mul_(2.0) * given.sum()
            return twice

    given = torch.randn(WIDTH, WIDTH)
    leaf = given.clone().requires_grad_()
    (F.silu(leaf).T * leaf + 2 * F.silu(leaf) * leaf.sum()).square().sum().backward()
    assert leaf.grad is not None
    assert torch.allclose(slope(Turned(), given), leaf.grad, rtol=1e-4)


def test_small_models_are_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Gated(nn.SiLU())
    with computed_again(model):
        assert not model.function._forward_hooks
    monkeypatch.setattr(activation_functions, "LARGE", 0)
    with computed_again(model):
        assert model.function._forward_hooks
    assert not model.function._forward_hooks
