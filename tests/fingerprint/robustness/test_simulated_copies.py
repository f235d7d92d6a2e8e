from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sif.errors import ModelError
from sif.fingerprint.robustness.simulated_copies import SimulatedCopies
from sif.fingerprint.robustness.term import Gradient, StepContext, plain_gradient
from sif.vlm.model import Vlm
from sif.wear import EXACT, disturbed, pruned, rounded, thinned


class Small(nn.Module):
    """Two linear layers and an output head; remembers the weights of every pass."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.head = nn.Linear(12, 70), nn.Linear(70, 9), nn.Linear(9, 5)
        self.requires_grad_(False)
        self.seen: list[list[Tensor]] = []

    def get_output_embeddings(self) -> nn.Module:
        return self.head

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append([layer.weight.clone() for layer in self.children()])  # type: ignore[operator]
        return self.head(self.second(self.first(images.flatten(1)).tanh())).square().sum(1)


@pytest.fixture
def small() -> Small:
    return Small()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 2, 2, generator=torch.Generator().manual_seed(1))


def passes(small: Small, images: Tensor, term: SimulatedCopies, steps: int) -> list[Gradient]:
    found = []
    for step in range(steps):
        context = StepContext(Vlm(small, None, "small"), step, (7, 8))
        found.append(term.around(plain_gradient(small), context)(images))
    return found


def test_every_kind_of_wear_is_drawn_and_the_head_is_spared(small: Small, images: Tensor) -> None:
    clean = [layer.weight.clone() for layer in (small.first, small.second, small.head)]
    term = SimulatedCopies(plain=0.25, bits=(3,), prune=(0.2, 0.2), noise=0.1)
    passes(small, images, term, 60)
    kinds = {"plain": 0, "bits": 0, "prune": 0, "noise": 0}
    for first, second, head in small.seen:
        assert torch.equal(head, clean[2])
        if torch.equal(first, clean[0]):
            kinds["plain"] += 1
        elif torch.equal(first, rounded(clean[0], bits=3, group_size=64)):
            assert torch.equal(second, rounded(clean[1], bits=3, group_size=64))
            kinds["bits"] += 1
        elif torch.equal(first, pruned(clean[0], 0.2)):
            kinds["prune"] += 1
        else:
            assert float((first - clean[0]).std()) < 0.12 * float(clean[0].std())
            kinds["noise"] += 1
    assert all(number > 5 for number in kinds.values()), kinds


def test_the_weights_are_put_back_even_where_the_loss_fails(small: Small, images: Tensor) -> None:
    before = dict(small.state_dict().items())
    places = [layer.weight.data_ptr() for layer in (small.first, small.second)]
    term = SimulatedCopies(plain=0.0)

    def broken(_images: Tensor) -> Any:
        raise ValueError("no")

    context = StepContext(Vlm(small, None, "small"), 0, (7,))
    with pytest.raises(ValueError, match="no"):
        term.around(plain_gradient(broken), context)(images)
    passes(small, images, term, 3)
    assert [layer.weight.data_ptr() for layer in (small.first, small.second)] == places
    assert all(torch.equal(value, before[name]) for name, value in small.state_dict().items())


def test_the_gradient_is_that_at_the_worn_weights(small: Small, images: Tensor) -> None:
    (found,) = passes(small, images, SimulatedCopies(plain=0.0, bits=(2,)), 1)
    worn = Small()
    for layer, weights in zip((worn.first, worn.second), small.seen[0], strict=False):
        layer.weight.data = weights
    expected = plain_gradient(worn)(images)
    assert torch.allclose(found.images, expected.images)
    assert not torch.allclose(found.images, plain_gradient(Small())(images).images)


def test_the_same_seed_and_step_wear_alike(small: Small, images: Tensor) -> None:
    term = SimulatedCopies(plain=0.0)
    first, second = passes(small, images, term, 8), passes(small, images, term, 8)
    assert all(torch.equal(a.images, b.images) for a, b in zip(first, second, strict=True))


def test_a_model_without_linear_layers_in_floating_point_is_refused(images: Tensor) -> None:
    class Bare(nn.Module):
        def get_output_embeddings(self) -> None:
            return None

    context = StepContext(Vlm(Bare(), None, "bare"), 0, (7,))
    with pytest.raises(ModelError, match="in floating point, got none in bare"):
        SimulatedCopies(plain=0.0).around(plain_gradient(lambda x: x.sum()), context)


def test_wear_keeps_precision_and_shape() -> None:
    weights = torch.randn(5, 70, generator=torch.Generator().manual_seed(2)).bfloat16()
    for worn in (
        rounded(weights, bits=4, group_size=64),
        pruned(weights, 0.3),
        disturbed(weights, 0.1, torch.Generator().manual_seed(0)),
    ):
        assert worn.dtype == torch.bfloat16
        assert worn.shape == weights.shape
        assert not torch.equal(worn, weights)
    assert int((pruned(weights, 0.3) == 0).sum()) == round(0.3 * 350)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_thinning_zeroes_what_lies_below_a_threshold_and_nothing_at_it(dtype: torch.dtype) -> None:
    weights = torch.randn(1030, 1030, generator=torch.Generator().manual_seed(2)).to(dtype)
    weights = (weights * 8).round() / 8  # of few values, of which one is the threshold
    worn = thinned(weights, 0.3)
    least = worn.abs()[worn != 0].min()
    assert torch.equal(worn, weights.where(weights.abs() >= least, 0))
    assert 0.2 < (worn == 0).float().mean() < 0.4
    assert worn.dtype is dtype


def test_a_large_matrix_is_thinned_by_nearly_its_share() -> None:
    weights = torch.randn(1100, 1000, generator=torch.Generator().manual_seed(2))
    assert weights.numel() > EXACT
    zeros = thinned(weights, 0.3) == 0
    assert float(zeros.float().mean()) == pytest.approx(0.3, abs=0.005)
    assert weights[zeros].abs().max() <= weights[~zeros].abs().min()
    small = weights[:5]
    assert torch.equal(thinned(small, 0.3), pruned(small, 0.3))
