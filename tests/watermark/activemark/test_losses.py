import pytest
import torch

from sif.watermark.activemark.losses import (
    bit_errors,
    carriage,
    feature_drift,
    margin_error,
    message_error,
)


def random_messages(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1)) < 0.5


def test_drift_is_relative_to_how_much_clean_features_vary() -> None:
    clean = torch.full((2, 3, 4), 2.0)
    assert float(feature_drift(clean + 1.0, clean, variance=4.0)) == pytest.approx(0.25)
    assert float(feature_drift(clean, clean, variance=4.0)) == 0.0


def test_certain_and_right_bits_cost_nothing() -> None:
    messages = random_messages(4, 8)
    right = 40.0 * (2.0 * messages.float() - 1.0)
    assert float(message_error(right, messages)) < 1e-6
    assert float(message_error(torch.zeros(4, 8), messages)) == pytest.approx(0.6931, abs=1e-4)


@pytest.mark.parametrize("size", [1e-3, 1.0, 50.0])
def test_faint_carriage_counts_as_much_as_strong(size: float) -> None:
    messages = random_messages(64, 8)
    signs = 2.0 * messages.float() - 1.0
    assert float(carriage(size * signs, messages)) == pytest.approx(1.0, abs=1e-3)


def test_logits_that_ignore_the_messages_carry_nothing() -> None:
    messages = random_messages(4000, 8)
    noise = torch.randn(4000, 8, generator=torch.Generator().manual_seed(2))
    assert float(carriage(noise, messages)) < 0.002
    assert float(carriage(torch.full((4000, 8), 3.0), messages)) < 1e-6


def test_carrying_the_opposite_is_carrying() -> None:
    messages = random_messages(64, 8)
    assert float(carriage(1.0 - 2.0 * messages.float(), messages)) > 0.99


def test_a_margin_is_wanted_and_no_more() -> None:
    assert float(margin_error(torch.full((2, 3), 3.0))) < 1e-3
    assert float(margin_error(torch.full((2, 3), -3.0))) == pytest.approx(4.0, abs=1e-3)


def test_the_image_that_is_furthest_from_its_message_is_moved_most() -> None:
    margins = torch.tensor([[3.0, 3.0], [0.5, 0.5], [-3.0, -3.0]], requires_grad=True)
    margin_error(margins).backward()
    right, near, far = (float(-one) for one in margins.grad.sum(1))
    assert right == pytest.approx(0.0, abs=1e-3)
    assert far / near == pytest.approx(4.0 / 0.508, rel=0.1)
    alike = torch.full((4, 2), -1.0, requires_grad=True)
    margin_error(alike).backward()
    assert float(-alike.grad.sum()) == pytest.approx(1.0, abs=1e-3)  # as a mean would


def test_wrong_bits_are_counted_image_by_image() -> None:
    messages = random_messages(3, 16)
    bits = messages.clone()
    bits[1, :5] ^= True
    assert bit_errors(bits, messages).tolist() == [0, 5, 0]
