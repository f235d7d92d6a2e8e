import pytest
import torch
from pydantic import ValidationError

from sif.errors import UsageError
from sif.networks.domain import Domain

IMAGES = Domain(shape=(1, 4, 4), levels=256)
TABLE = Domain(shape=(3,), lower=(0.0, -2.0, 10.0), upper=(1.0, 2.0, 30.0))


def drawn(domain: Domain) -> torch.Tensor:
    return domain.sample(50, torch.Generator().manual_seed(0))


def test_images_are_the_same_after_they_were_bytes() -> None:
    stored = IMAGES.store(drawn(IMAGES))
    coded = IMAGES.encode(stored)
    assert coded.dtype == torch.uint8
    assert torch.equal(IMAGES.decode(coded), stored)
    assert torch.equal(stored * 255, (stored * 255).round())


def test_storing_twice_changes_nothing_more() -> None:
    coarse = Domain(shape=(3,), lower=(0.0, -2.0, 10.0), upper=(1.0, 2.0, 30.0), levels=7)
    once = coarse.store(drawn(coarse))
    assert torch.equal(coarse.store(once), once)
    assert torch.equal(coarse.decode(coarse.encode(once)), once)


def test_rounding_lets_the_gradient_through() -> None:
    inputs = drawn(IMAGES).requires_grad_()
    IMAGES.store_straight_through(inputs).sum().backward()
    assert torch.equal(inputs.grad, torch.ones_like(inputs))


def test_every_feature_has_its_own_bounds() -> None:
    far = torch.tensor([[5.0, -9.0, 0.0]])
    assert TABLE.clamp(far).tolist() == [[1.0, -2.0, 10.0]]
    inside = drawn(TABLE)
    assert torch.equal(TABLE.clamp(inside), inside)
    assert torch.allclose(TABLE.at(TABLE.places(inside)), inside, atol=1e-5)


def test_inputs_outside_of_the_bounds_are_refused() -> None:
    with pytest.raises(UsageError, match="inside the bounds"):
        TABLE.check(torch.tensor([[0.5, 0.0, 31.0]]), "inputs")
    with pytest.raises(UsageError, match="shape"):
        TABLE.check(torch.zeros(2, 4), "inputs")
    with pytest.raises(UsageError, match="inside the bounds"):
        TABLE.check(torch.tensor([[0.5, float("nan"), 20.0]]), "inputs")


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": ()},
        {"shape": (0,)},
        {"shape": (3,), "lower": 1.0},
        {"shape": (3,), "lower": (0.0, 0.0)},
        {"shape": (3,), "upper": float("inf")},
        {"shape": (3,), "levels": 300},
    ],
)
def test_impossible_domains_are_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        Domain(**wrong)
