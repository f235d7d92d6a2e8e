from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sif.fingerprint.robustness.term import Gradient, StepContext, plain_gradient
from sif.fingerprint.robustness.weight_noise import WeightNoise
from sif.vlm.model import Vlm


class Wide(nn.Module):
    """Two matrices of different spread, and one whose elements are all alike."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.narrow = nn.Parameter(0.02 * torch.randn(300, 12, generator=generator))
        self.wide = nn.Parameter(1 + 3 * torch.randn(200, 300, generator=generator))
        self.flat = nn.Parameter(torch.ones(200))
        self.requires_grad_(False)
        self.seen: list[dict[str, Tensor]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append({name: value.clone() for name, value in self.named_parameters()})
        return ((images.flatten(1) @ self.narrow.T @ self.wide.T) * self.flat).square().sum(1)


@pytest.fixture
def wide() -> Wide:
    return Wide()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 2, 2, generator=torch.Generator().manual_seed(1))


def context(model: nn.Module, step: int, *seeds: int) -> StepContext:
    return StepContext(Vlm(model, None, "wide"), step, seeds)


def test_the_noise_is_a_share_of_each_tensors_own_deviation(wide: Wide, images: Tensor) -> None:
    clean = {name: value.clone() for name, value in wide.named_parameters()}
    term = WeightNoise(scale=0.05)
    term.around(plain_gradient(wide), context(wide, 0, 4, 5))(images)
    noise = {name: wide.seen[0][name] - value for name, value in clean.items()}
    for name in ("narrow", "wide"):
        expected = 0.05 * float(clean[name].std())
        assert float(noise[name].std()) == pytest.approx(expected, rel=0.05)
        assert abs(float(noise[name].mean())) < 0.1 * expected
    assert (noise["flat"] == 0).all()
    kurtosis = (noise["wide"] / noise["wide"].std()).pow(4).mean()
    assert float(kurtosis) == pytest.approx(3, abs=0.15)


def test_the_gradient_is_that_at_the_noisy_weights(wide: Wide, images: Tensor) -> None:
    found = WeightNoise(scale=0.05).around(plain_gradient(wide), context(wide, 0, 4, 5))(images)
    noisy = wide.seen[0]
    rows = images.flatten(1)
    matrix = noisy["flat"][:, None] * (noisy["wide"] @ noisy["narrow"])
    assert torch.allclose(found.loss, (rows @ matrix.T).square().sum(1), rtol=1e-4)
    expected = 2 * rows @ matrix.T @ matrix
    assert torch.allclose(found.images.flatten(1), expected, rtol=1e-3)


def test_noise_comes_from_the_trigger_and_the_step(wide: Wide, images: Tensor) -> None:
    term = WeightNoise(scale=0.05)
    for step, seed in ((0, 4), (0, 4), (1, 4), (0, 5)):
        torch.rand(3)
        term.around(plain_gradient(wide), context(wide, step, seed, 9))(images)
    first, same, later, other = (seen["wide"] for seen in wide.seen)
    assert torch.equal(first, same)
    assert not torch.equal(first, later)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("broken", [True, False])
def test_weights_are_put_back_bit_for_bit_even_if_the_loss_raises(
    wide: Wide, images: Tensor, broken: bool
) -> None:
    clean = {name: value.clone() for name, value in wide.named_parameters()}

    def inner(batch: Tensor) -> Gradient:
        result = plain_gradient(wide)(batch)
        if broken:
            raise FloatingPointError("no loss")
        return result

    gradient = WeightNoise(scale=0.05).around(inner, context(wide, 0, 4, 5))
    if broken:
        with pytest.raises(FloatingPointError):
            gradient(images)
    else:
        gradient(images)
    assert not torch.equal(wide.seen[0]["wide"], clean["wide"])
    assert all(torch.equal(value, clean[name]) for name, value in wide.named_parameters())


@pytest.fixture(params=["untrained_llava", "untrained_qwen"])
def vlm(request: pytest.FixtureRequest) -> Iterator[Vlm]:
    folder: Path = request.getfixturevalue(request.param)
    yield Vlm.load(folder, device="cpu")


def test_every_weight_tensor_of_a_real_model_is_disturbed_and_put_back(vlm: Vlm) -> None:
    images = torch.rand(1, 3, 72, 72, generator=torch.Generator().manual_seed(2))
    clean = {name: value.clone() for name, value in vlm.model.named_parameters()}
    shares: dict[str, float] = {}

    def loss(batch: Tensor) -> Tensor:
        for name, value in vlm.model.named_parameters():
            shares[name] = float((value - clean[name]).std() / clean[name].std())
        logits, _ids = vlm.answer_logits(batch, ["What is it?"], [[29, 30]])
        return logits.logsumexp(-1).sum(1)

    where = StepContext(vlm, 3, (8,))
    gradient = WeightNoise(scale=1e-2).around(plain_gradient(loss), where)(images)
    large = {name for name, value in clean.items() if value.numel() > 5000 and value.std() > 0}
    assert len(large) > 20
    assert all(shares[name] == pytest.approx(1e-2, rel=0.1) for name in large)
    assert all(torch.equal(value, clean[name]) for name, value in vlm.model.named_parameters())
    assert torch.isfinite(gradient.images).all()
