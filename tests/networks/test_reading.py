import math

import pytest
import torch

from sif.errors import UsageError
from sif.networks.reading import learn_reading, unscaled_reading

LOGITS = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("read", ["plain", "log"])
def test_logits_and_their_probabilities_are_read_alike(read: str) -> None:
    from_logits = learn_reading(LOGITS, "logits", read)(LOGITS)
    probabilities = LOGITS.softmax(1)
    from_probabilities = learn_reading(probabilities, "probabilities", read)(probabilities)
    assert torch.allclose(from_logits, from_probabilities, atol=1e-4)


def test_a_constant_added_to_logits_is_not_seen() -> None:
    reading = learn_reading(LOGITS, "logits", "log")
    assert torch.allclose(reading(LOGITS + 3), reading(LOGITS), atol=1e-4)


def test_probabilities_below_a_thousandth_are_all_the_same() -> None:
    rare = torch.tensor([[0.5, 0.499, 0.001], [0.5, 0.4999, 0.0001], [0.5, 0.5, 0.0]])
    read = unscaled_reading(rare, "probabilities", "log")(rare)
    apart = (read[:, 0] - read[:, 2]).tolist()
    assert apart == pytest.approx([math.log(500)] * 3, abs=1e-5)


def test_auto_takes_logarithms_where_there_are_probabilities() -> None:
    logs = learn_reading(LOGITS, "logits", "log")(LOGITS)
    assert torch.equal(learn_reading(LOGITS, "logits", "auto")(LOGITS), logs)
    plain = learn_reading(LOGITS, "values", "plain")(LOGITS)
    assert torch.equal(learn_reading(LOGITS, "values", "auto")(LOGITS), plain)


def test_values_without_a_scale_are_read_as_they_are() -> None:
    values = LOGITS.view(40, 5, 1)
    assert torch.equal(unscaled_reading(values, "values", "auto")(values), LOGITS)


def test_ordinary_outputs_are_read_with_mean_0_and_spread_1() -> None:
    values = 5 + 3 * LOGITS.view(40, 5, 1)
    read = learn_reading(values, "values", "plain")(values)
    assert read.shape == (40, 5)
    assert torch.allclose(read.mean(0), torch.zeros(5), atol=1e-5)
    assert torch.allclose(read.std(0), torch.ones(5), atol=1e-5)


def test_outputs_that_never_change_are_no_division_by_zero() -> None:
    flat = torch.ones(10, 2)
    assert torch.isfinite(learn_reading(flat, "values", "plain")(flat)).all()


def test_values_have_no_logarithms() -> None:
    with pytest.raises(UsageError, match="plain"):
        learn_reading(LOGITS, "values", "log")
