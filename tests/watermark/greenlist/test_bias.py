import pytest
import torch

from sif.errors import UsageError
from sif.watermark.greenlist.bias import bias_logits

MASK = torch.tensor([True, False, True, False, False])


def test_the_teacher_weighs_green_ids_by_exp_delta() -> None:
    logits = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = torch.softmax(logits, -1) * torch.where(MASK, torch.tensor(4.0).exp(), 1.0)
    expected = weights / weights.sum(-1, keepdim=True)
    torch.testing.assert_close(torch.softmax(bias_logits(logits, MASK, 4.0), -1), expected)


def test_padding_of_the_models_vocabulary_is_never_green() -> None:
    biased = bias_logits(torch.zeros(2, 8), MASK, 5.0)
    assert biased.tolist() == [[5.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.0]] * 2


def test_every_row_can_have_its_own_list() -> None:
    biased = bias_logits(torch.zeros(2, 5), torch.stack([MASK, ~MASK]), 1.0)
    assert torch.equal(biased.bool(), torch.stack([MASK, ~MASK]))


def test_the_given_logits_are_left_as_they_are() -> None:
    logits = torch.zeros(5)
    bias_logits(logits, MASK, 3.0)
    assert not logits.any()


def test_excluded_ids_stay_excluded_and_precision_stays() -> None:
    logits = torch.full((1, 5), -torch.inf, dtype=torch.bfloat16)
    biased = bias_logits(logits, MASK, 5.0)
    assert biased.dtype == torch.bfloat16
    assert torch.isneginf(biased).all()


def test_gradients_reach_the_logits() -> None:
    logits = torch.zeros(5, requires_grad=True)
    torch.log_softmax(bias_logits(logits, MASK, 2.0), -1)[0].backward()
    assert logits.grad is not None
    assert logits.grad.abs().min() > 0


def test_a_mask_of_a_larger_tokenizer_is_refused() -> None:
    with pytest.raises(UsageError, match="at most 3 ids"):
        bias_logits(torch.zeros(3), MASK, 1.0)
