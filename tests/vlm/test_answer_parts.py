"""Losses from a few positions at a time: the numbers of the whole table."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from sif.fingerprint.objectives.green_mass import GreenMass
from sif.fingerprint.objectives.objective import Batch, Objective, Targets, base_teacher
from sif.fingerprint.objectives.safd import Safd
from sif.fingerprint.objectives.target_answer import TargetAnswer
from sif.fingerprint.robustness.checkpointing import Checkpointing
from sif.fingerprint.robustness.representation_noise import RepresentationNoise
from sif.fingerprint.robustness.simulated_copies import SimulatedCopies
from sif.fingerprint.robustness.term import Gradient, StepContext, Term, plain_gradient
from sif.fingerprint.robustness.text_embedding_noise import TextEmbeddingNoise
from sif.vlm.answer_parts import Part, positions_at_once, visit_parts
from sif.vlm.model import Vlm

ANSWERS = [list(range(20, 29)), list(range(30, 35))]
PROMPTS = ("What is it?", "Where is it?")


@pytest.fixture(scope="module", params=["untrained_llava", "untrained_qwen"])
def vlm(request: pytest.FixtureRequest) -> Vlm:
    return Vlm.load(request.getfixturevalue(request.param), device="cpu")


@pytest.fixture
def by_four(vlm: Vlm, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From when it is called, parts have four positions."""

    def cut() -> None:
        ids = len(vlm.model.get_output_embeddings().weight)
        monkeypatch.setattr("sif.vlm.answer_parts.LARGEST_PART", 4 * 2 * 4 * ids + 1)
        assert positions_at_once(vlm, 2) == 4

    return cut


def batch(vlm: Vlm) -> Batch:
    base = torch.rand(2, 3, 72, 72, generator=torch.Generator().manual_seed(1))
    green = torch.arange(vlm.vocabulary_size).expand(2, -1) % 2 == 0
    return Batch(base=base, prompts=PROMPTS, green=green, seeds=(3, 4))


def step(vlm: Vlm, objective: Objective, around: list[Term], teacher: Tensor) -> Gradient:
    it = batch(vlm)
    targets = Targets(ANSWERS, None if isinstance(objective, TargetAnswer) else teacher)
    found = plain_gradient(lambda images: objective.loss(vlm, it, images, targets))
    for term in reversed(around):
        found = term.around(found, StepContext(vlm, 0, it.seeds))
    return found((it.base + 0.02).clamp(0, 1))


@pytest.mark.parametrize(
    ("objective", "around"),
    [
        (GreenMass(), []),
        (GreenMass(), [Checkpointing(), SimulatedCopies(plain=0.0)]),
        (Safd(distil_weight=0.3), [RepresentationNoise(radius=0.5)]),
        (TargetAnswer(), [TextEmbeddingNoise()]),
    ],
)
def test_a_loss_by_parts_is_that_of_the_whole(
    vlm: Vlm, objective: Any, around: list[Term], by_four: Callable[[], None]
) -> None:
    teacher = base_teacher(vlm, batch(vlm), ANSWERS)
    whole = step(vlm, objective, around, teacher)
    by_four()
    parts = step(vlm, objective, around, teacher)
    assert torch.allclose(whole.loss, parts.loss, rtol=1e-5)
    size = float(whole.images.abs().max())
    assert float((whole.images - parts.images).abs().max()) < 1e-5 * size
    assert torch.allclose(teacher, base_teacher(vlm, batch(vlm), ANSWERS), atol=1e-5)


def test_no_part_is_larger_than_allowed_and_none_is_missing(
    vlm: Vlm, by_four: Callable[[], None]
) -> None:
    by_four()
    seen: list[slice] = []

    def visit(part: Part) -> Tensor:
        assert part.logits.shape[1] == part.where.stop - part.where.start <= 4
        seen.append(part.where)
        return part.logits

    with torch.no_grad():
        found = visit_parts(vlm, batch(vlm).base, PROMPTS, ANSWERS, visit)
    assert [(part.start, part.stop) for part in seen] == [(0, 4), (4, 8), (8, 9)]
    logits, ids = vlm.answer_logits(batch(vlm).base, PROMPTS, ANSWERS)
    assert torch.allclose(torch.cat(found.parts, 1), logits, atol=1e-5)
    assert torch.equal(found.ids, ids)
    assert "forward" not in vlm.model.base_model.__dict__


def test_what_a_model_does_behind_its_head_is_done_to_every_part(
    vlm: Vlm, by_four: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cap on the logits, as some models have: in their own forward pass, behind the head."""
    plain = type(vlm.model).forward

    def capped(self: Any, *inputs: Any, **named: Any) -> Any:
        output = plain(self, *inputs, **named)
        output.logits = 0.1 * torch.tanh(output.logits / 0.1)
        return output

    monkeypatch.setattr(type(vlm.model), "forward", capped)
    with torch.no_grad():
        logits, _ids = vlm.answer_logits(batch(vlm).base, PROMPTS, ANSWERS)
        by_four()
        found = visit_parts(vlm, batch(vlm).base, PROMPTS, ANSWERS, lambda part: part.logits)
    assert float(logits.abs().max()) < 0.1001
    assert torch.allclose(torch.cat(found.parts, 1), logits, atol=1e-5)


def test_the_head_is_given_no_views(vlm: Vlm, by_four: Callable[[], None]) -> None:
    by_four()
    given: list[bool] = []
    head = vlm.model.get_output_embeddings()
    hook = head.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].is_contiguous()))
    visit_parts(vlm, batch(vlm).base, PROMPTS, ANSWERS, lambda part: part.logits.sum())
    hook.remove()
    assert len(given) >= 3
    assert all(given)
