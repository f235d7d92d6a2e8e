import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from sif.fingerprint.objectives.objective import (
    Batch,
    Targets,
    coherence_losses,
    mean_along,
    teacher,
)
from sif.fingerprint.objectives.safd import Safd, distillation_losses, watermark_losses
from sif.vlm.model import Vlm

LOGITS = torch.tensor([[[2.0, 1.0, 0.0, -1.0], [0.5, 0.0, 3.0, 1.0], [9.0, 9.0, 9.0, 9.0]]])
IDS = torch.tensor([[0, 2, -1]])
GREEN = torch.tensor([[True, False, False, True]])


def watermark_loss(logits: Tensor, ids: Tensor, green: Tensor, top_k: int) -> Tensor:
    return mean_along(watermark_losses(logits, ids, green, top_k), ids)


def coherence_loss(logits: Tensor, ids: Tensor) -> Tensor:
    return mean_along(coherence_losses(logits, ids), ids)


def distillation_loss(logits: Tensor, ids: Tensor, log_q: Tensor) -> Tensor:
    return mean_along(distillation_losses(logits, log_q), ids)


def by_hand(rows: list[list[float]], green: set[int], top_k: int) -> float:
    """(1/T) Σ −log of the green share of the renormalised top K; red-only positions add 0."""
    total = 0.0
    for row in rows:
        best = sorted(range(len(row)), key=lambda index: -row[index])[:top_k]
        mass = sum(math.exp(row[index]) for index in best)
        lucky = sum(math.exp(row[index]) for index in best if index in green)
        total += -math.log(lucky / mass) if lucky else 0.0
    return total / len(rows)


@pytest.mark.parametrize("top_k", [1, 2, 3, 4, 50])
def test_watermark_loss_is_the_surprise_at_the_green_share_of_the_top_k(top_k: int) -> None:
    expected = by_hand(LOGITS[0, :2].tolist(), {0, 3}, top_k)
    assert watermark_loss(LOGITS, IDS, GREEN, top_k).item() == pytest.approx(expected, abs=1e-6)


def test_padding_of_an_answer_changes_neither_loss() -> None:
    for loss in (lambda lo, ids: watermark_loss(lo, ids, GREEN, 3), coherence_loss):
        assert torch.equal(loss(LOGITS, IDS), loss(LOGITS[:, :2], IDS[:, :2]))


def test_a_position_without_a_green_word_in_its_top_k_has_no_gradient() -> None:
    logits = torch.tensor([[[5.0, 4.0, -3.0], [0.0, 1.0, 2.0]]], requires_grad=True)
    green = torch.tensor([[False, False, True]])
    loss = watermark_loss(logits, torch.tensor([[0, 0]]), green, 2)
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert logits.grad is not None
    assert (logits.grad[0, 0] == 0).all()
    assert (logits.grad[0, 1] != 0).any()
    assert torch.isfinite(logits.grad).all()


def test_ids_behind_the_tokenizers_vocabulary_are_not_green() -> None:
    padded = torch.cat([LOGITS, torch.full((1, 3, 2), 8.0)], dim=-1)
    longer = torch.cat([GREEN, torch.zeros(1, 2, dtype=torch.bool)], dim=-1)
    short = watermark_loss(padded, IDS, GREEN, 4)
    assert torch.equal(short, watermark_loss(padded, IDS, longer, 4))
    assert short.item() == pytest.approx(by_hand(padded[0, :2].tolist(), {0, 3}, 4), abs=1e-5)


def test_watermark_loss_falls_when_green_logits_rise() -> None:
    raised = LOGITS + 2.0 * GREEN[:, None]
    assert watermark_loss(raised, IDS, GREEN, 4) < watermark_loss(LOGITS, IDS, GREEN, 4)


def test_coherence_loss_is_the_mean_negative_log_likelihood() -> None:
    first = 2.0 - math.log(sum(math.exp(z) for z in LOGITS[0, 0].tolist()))
    second = 3.0 - math.log(sum(math.exp(z) for z in LOGITS[0, 1].tolist()))
    expected = -(first + second) / 2
    assert coherence_loss(LOGITS, IDS).item() == pytest.approx(expected, abs=1e-6)


def test_losses_of_a_batch_are_those_of_its_rows() -> None:
    logits, ids = (
        torch.randn(3, 5, 7),
        torch.tensor([[1, 2, 3, -1, -1], [0] * 5, [4, 4, -1, -1, -1]]),
    )
    green = torch.rand(3, 7) < 0.5
    together = watermark_loss(logits, ids, green, 4)
    alone = [
        watermark_loss(logits[i : i + 1], ids[i : i + 1], green[i : i + 1], 4) for i in range(3)
    ]
    assert torch.allclose(together, torch.cat(alone))


def test_the_teacher_adds_delta_to_green_logits_only() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]])
    biased = teacher(GREEN, 4.0)(torch.zeros(1, 2, dtype=torch.long), logits)
    assert torch.equal(biased, torch.tensor([[5.0, 2.0, 3.0, 8.0, 5.0]]))
    assert torch.equal(logits, torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]))


class Silent(Vlm):
    """A model that answers nothing at all."""

    def generate(self, images, prompts, settings, hook=None):
        return [[] for _ in prompts]


def test_targets_are_kept_until_a_refresh_is_due() -> None:
    silent = SimpleNamespace(tokenizer=SimpleNamespace(eos_token_id=2))
    images = torch.zeros(1, 3, 2, 2)
    batch = Batch(base=images, prompts=("p",), green=GREEN, seeds=(0,))
    safd, vlm = Safd(refresh_every=3), Silent(None, silent, "silent")
    first = safd.targets(vlm, batch, images, 0, None)
    assert first.answers == [[2]]
    kept = Targets([[9]])
    assert [safd.targets(vlm, batch, images, step, kept) is kept for step in (1, 2, 3, 4)] == [
        True,
        True,
        False,
        True,
    ]
    assert Safd().targets(vlm, batch, images, 60, kept) is kept


def test_the_distilled_teacher_looks_at_the_base_image(untrained_qwen: Path) -> None:
    vlm = Vlm.load(untrained_qwen, device="cpu")
    base, changed = torch.rand(2, 1, 3, 72, 72, generator=torch.Generator().manual_seed(3))
    green = torch.arange(vlm.vocabulary_size)[None] % 2 == 0
    batch = Batch(base=base, prompts=("What is it?",), green=green, seeds=(0,))
    targets = Safd(distil_weight=1.0, delta=3.0, answer_tokens=4).targets(
        vlm, batch, changed, 0, None
    )
    logits, _ids = vlm.answer_logits(base, batch.prompts, targets.answers)
    logits[..., : vlm.vocabulary_size] += 3.0 * green
    assert targets.teacher is not None
    assert torch.allclose(targets.teacher, logits.log_softmax(-1), atol=1e-5)


def test_distillation_is_the_mean_divergence_from_the_teacher() -> None:
    teacher_logits, student = torch.randn(2, 1, 3, 4, generator=torch.Generator().manual_seed(4))
    ids = torch.tensor([[1, 2, -1]])
    q, p = teacher_logits.softmax(-1), student.softmax(-1)
    expected = (q * (q / p).log()).sum(-1)[0, :2].mean()
    found = distillation_loss(student, ids, teacher_logits.log_softmax(-1))
    assert torch.allclose(found, expected[None], atol=1e-6)
    same = distillation_loss(teacher_logits, ids, teacher_logits.log_softmax(-1))
    assert torch.allclose(same, torch.zeros(1), atol=1e-6)
