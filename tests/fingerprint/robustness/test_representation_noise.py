from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sif.fingerprint.robustness.representation_noise import RepresentationNoise, added, worst_noise
from sif.fingerprint.robustness.term import StepContext, plain_gradient
from sif.vlm.model import Vlm


class Tower(nn.Module):
    """Three layers; the second hands on a tuple, as some blocks of transformers do."""

    class Pair(nn.Linear):
        def forward(self, hidden: Tensor) -> tuple[Tensor, str]:  # type: ignore[override]
            return super().forward(hidden).tanh(), "cache"

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList([nn.Linear(12, 8), self.Pair(8, 8), nn.Linear(8, 4)])
        self.requires_grad_(False)
        self.passes = 0

    def get_decoder(self) -> nn.Module:
        return self

    def forward(self, images: Tensor) -> Tensor:
        self.passes += 1
        hidden = self.layers[0](images.flatten(1)[:, None, :12]).sigmoid()
        hidden, _cache = self.layers[1](hidden)
        return self.layers[2](hidden).square().sum((1, 2))

    def with_noise(self, images: Tensor, noise: list[Tensor]) -> Tensor:
        """The same, written out."""
        first = self.layers[0](images.flatten(1)[:, None, :12]) + noise[0]
        second = nn.functional.linear(first.sigmoid(), self.layers[1].weight, self.layers[1].bias)
        second = second.tanh() + noise[1]
        return (self.layers[2](second) + noise[2]).square().sum((1, 2))


@pytest.fixture
def tower() -> Tower:
    return Tower()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(3, 3, 2, 2, generator=torch.Generator().manual_seed(1))


def context(tower: Tower, batch: int) -> StepContext:
    return StepContext(Vlm(tower, None, "tower"), 0, tuple(range(batch)))


def test_two_passes_equal_the_equations_written_out(tower: Tower, images: Tensor) -> None:
    term = RepresentationNoise(radius=0.3)
    found = term.around(plain_gradient(tower), context(tower, 3))(images)
    zeros = [torch.zeros(3, 1, width, requires_grad=True) for width in (8, 8, 4)]
    slopes = torch.autograd.grad(tower.with_noise(images, zeros).sum(), zeros)
    norm = torch.stack([slope.square().sum((1, 2)) for slope in slopes]).sum(0).sqrt()
    noise = [0.3 * slope / norm[:, None, None] for slope in slopes]
    leaf = images.clone().requires_grad_()
    losses = tower.with_noise(leaf, noise)
    (slope,) = torch.autograd.grad(losses.sum(), leaf)
    assert torch.allclose(found.loss, losses, atol=1e-5)
    assert torch.allclose(found.images, slope, atol=1e-6)
    assert tower.passes == 2


def test_the_noise_makes_the_loss_worse(tower: Tower, images: Tensor) -> None:
    plain = plain_gradient(tower)(images).loss
    noisy = RepresentationNoise(radius=0.3).around(plain_gradient(tower), context(tower, 3))(images)
    assert (noisy.loss > plain).all()


def test_noise_of_an_example_does_not_depend_on_the_others(tower: Tower, images: Tensor) -> None:
    together = RepresentationNoise(radius=0.3).around(plain_gradient(tower), context(tower, 3))
    whole = together(images)
    for index in range(3):
        alone = RepresentationNoise(radius=0.3).around(plain_gradient(tower), context(tower, 1))
        single = alone(images[index : index + 1])
        assert torch.allclose(single.loss, whole.loss[index : index + 1], atol=1e-5)
        assert torch.allclose(single.images, whole.images[index : index + 1], atol=1e-6)


def test_reuse_costs_one_pass_and_takes_the_noise_of_the_step_before(
    tower: Tower, images: Tensor
) -> None:
    term = RepresentationNoise(radius=0.3, reuse=True)
    gradient = term.around(plain_gradient(tower), context(tower, 3))
    first = gradient(images)
    assert tower.passes == 1
    assert torch.allclose(first.loss, plain_gradient(tower)(images).loss)
    tower.passes = 0
    second = gradient(images)
    assert tower.passes == 1
    two_passes = RepresentationNoise(radius=0.3).around(plain_gradient(tower), context(tower, 3))
    assert torch.allclose(second.loss, two_passes(images).loss, atol=1e-5)


def test_reuse_begins_again_when_the_shapes_change(tower: Tower, images: Tensor) -> None:
    term = RepresentationNoise(radius=0.3, reuse=True)
    gradient = term.around(plain_gradient(tower), context(tower, 3))
    gradient(images)
    fewer = gradient(images[:2])
    assert torch.allclose(fewer.loss, plain_gradient(tower)(images[:2]).loss)


def test_every_nth_layer_is_chosen(tower: Tower, images: Tensor) -> None:
    seen: list[int] = []

    def loss(batch: Tensor) -> Tensor:
        seen.append(sum(bool(layer._forward_hooks) for layer in tower.layers))
        return tower(batch)

    RepresentationNoise(radius=1.0, every=2).around(plain_gradient(loss), context(tower, 3))(images)
    assert seen == [2, 2]


@pytest.mark.parametrize("reuse", [True, False])
def test_hooks_are_gone_afterwards_even_if_the_loss_raises(
    tower: Tower, images: Tensor, reuse: bool
) -> None:
    def broken(batch: Tensor) -> Tensor:
        tower(batch)
        raise FloatingPointError("no loss")

    term = RepresentationNoise(radius=0.3, reuse=reuse)
    term.around(plain_gradient(tower), context(tower, 3))(images)
    with pytest.raises(FloatingPointError):
        term.around(plain_gradient(broken), context(tower, 3))(images)
    assert not any(layer._forward_hooks for layer in tower.layers)


def test_a_layer_without_gradient_is_an_error_and_not_a_silent_zero(tower: Tower) -> None:
    with added(list(tower.layers), None) as leaves:
        tower(torch.rand(1, 3, 2, 2)).sum().backward()
    leaves[1].grad = None
    with pytest.raises(RuntimeError, match="got none at 1"):
        worst_noise(leaves, 1.0)


@pytest.fixture(params=["untrained_llava", "untrained_qwen"])
def vlm(request: pytest.FixtureRequest) -> Iterator[Vlm]:
    folder: Path = request.getfixturevalue(request.param)
    yield Vlm.load(folder, device="cpu")


@pytest.mark.parametrize("every", [1, 2])
def test_every_chosen_layer_of_a_real_model_gets_noise_of_joint_norm_rho(
    vlm: Vlm, every: int
) -> None:
    images = torch.rand(2, 3, 72, 72, generator=torch.Generator().manual_seed(2))
    answers = [[29, 30, 31], [40, 41]]
    layers = vlm.layers[::every]

    def loss(batch: Tensor) -> Tensor:
        logits, ids = vlm.answer_logits(batch, ["Describe the image.", "What is it?"], answers)
        return logits.log_softmax(-1).gather(-1, ids.clamp(min=0)[..., None]).sum((1, 2))

    with added(layers, None) as leaves:
        plain_gradient(loss)(images)
    noise = worst_noise(leaves, 0.5)
    assert len(noise) == len(layers) == 4 // every
    sizes = torch.stack([part.flatten(1).norm(dim=1) for part in noise])
    assert (sizes > 1e-3).all()
    assert torch.allclose(sizes.square().sum(0).sqrt(), torch.full((2,), 0.5), atol=1e-4)
    assert not any(layer._forward_hooks for layer in layers)
