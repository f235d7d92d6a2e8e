from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from sif.fingerprint.objectives.objective import Batch
from sif.fingerprint.objectives.target_answer import TargetAnswer
from sif.fingerprint.robustness.representation_noise import RepresentationNoise
from sif.fingerprint.robustness.term import Gradient, GradientFunction, StepContext, plain_gradient
from sif.fingerprint.robustness.text_embedding_noise import (
    TextEmbeddingNoise,
    noisy_text,
    text_positions,
)
from sif.vlm.model import Vlm

PAD, IMAGE = 0, 1
IDS = torch.tensor([[PAD, IMAGE, 5, 6, 7, 8, 9], [IMAGE, 4, 3, 2, 6, 8, PAD]])
TEXT = torch.tensor([[0, 0, 1, 1, 1, 0, 0], [0, 1, 1, 1, 1, 0, 0]]).bool()
ANSWER = 2


class Reader(nn.Module):
    """Loss linear in the embeddings, with the slope `taste` at every position."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.embedding = nn.Embedding(10, 4)
        self.taste = torch.randn(2, 7, 4, generator=generator)
        self.requires_grad_(False)

    def get_input_embeddings(self) -> nn.Module:
        return self.embedding

    def forward(self, *, input_ids: Tensor, images: Tensor, logits_to_keep: int) -> Tensor:
        meaning = (self.embedding(input_ids) * self.taste[:, : input_ids.shape[1]]).sum((1, 2))
        return meaning + images.sum((1, 2, 3))


@pytest.fixture
def tiny() -> Vlm:
    tokenizer = SimpleNamespace(all_special_ids=[PAD], added_tokens_decoder={})
    return Vlm(Reader(), SimpleNamespace(tokenizer=tokenizer, image_token_id=IMAGE), "tiny")


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 2, 2, generator=torch.Generator().manual_seed(1))


def reading(vlm: Vlm, ids: Tensor = IDS) -> GradientFunction:
    def loss(batch: Tensor) -> Tensor:
        return vlm.model(input_ids=ids, images=batch, logits_to_keep=ANSWER + 1)

    return plain_gradient(loss)


def losses(term: TextEmbeddingNoise, vlm: Vlm, images: Tensor, steps: Iterable[int]) -> Tensor:
    """Loss of both triggers in every step, "steps 2"."""
    contexts = [StepContext(vlm, step, (0, 1)) for step in steps]
    return torch.stack([term.around(reading(vlm), it)(images).loss for it in contexts])


def per_step(vlm: Vlm) -> Tensor:
    """Σ |slope| over the text: what α₂ = 1 adds to a loss in a step."""
    return (vlm.model.taste.abs().sum(-1) * TEXT).sum(1)


def test_the_noise_climbs_by_alpha_2_a_step_at_the_text_and_stays_after_its_last(
    tiny: Vlm, images: Tensor
) -> None:
    found = losses(TextEmbeddingNoise(step_size=0.1, steps=3), tiny, images, range(6))
    plain = reading(tiny)(images).loss
    moves = torch.tensor([0, 1, 2, 3, 3, 3])
    assert torch.allclose(found - plain, 0.1 * moves[:, None] * per_step(tiny), atol=1e-5)


def test_the_published_noise_stands_still_after_300_steps(tiny: Vlm, images: Tensor) -> None:
    found = losses(TextEmbeddingNoise(), tiny, images, [0, 298, 299, 300, 301])
    moves = torch.tensor([0, 1, 2, 3, 3])
    assert torch.allclose(found - found[0], 0.01 * moves[:, None] * per_step(tiny), atol=1e-5)
    assert torch.equal(found[4], found[3])


def test_every_nth_step_moves_the_noise(tiny: Vlm, images: Tensor) -> None:
    found = losses(TextEmbeddingNoise(step_size=0.1, steps=6, every=3), tiny, images, range(9))
    moves = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2])
    assert torch.allclose(found - found[0], 0.1 * moves[:, None] * per_step(tiny), atol=1e-5)


def test_the_noise_begins_again_with_the_next_image_and_with_other_shapes(
    tiny: Vlm, images: Tensor
) -> None:
    term = TextEmbeddingNoise(step_size=0.1)
    first = losses(term, tiny, images, range(3))
    assert torch.equal(losses(term, tiny, images, range(3)), first)
    shorter = reading(tiny, IDS[:, :6])
    later = term.around(shorter, StepContext(tiny, 3, (0, 1)))(images)
    assert torch.equal(later.loss, shorter(images).loss)


def test_only_the_last_of_several_passes_teaches_the_noise(tiny: Vlm, images: Tensor) -> None:
    passes = 0

    def twice(batch: Tensor) -> Gradient:
        nonlocal passes
        for slope in (-5.0, 1.0):
            passes += 1
            inner = plain_gradient(
                lambda x, slope=slope: (
                    slope * tiny.model(input_ids=IDS, images=x, logits_to_keep=ANSWER + 1)
                )
            )
            result = inner(batch)
        return result

    term = TextEmbeddingNoise(step_size=0.1)
    first, second = (
        term.around(twice, StepContext(tiny, step, (0, 1)))(images).loss for step in range(2)
    )
    assert passes == 4
    assert torch.allclose(second - first, 0.1 * per_step(tiny), atol=1e-5)


@pytest.mark.parametrize("broken", [True, False])
def test_hooks_are_gone_afterwards_even_if_the_loss_raises(
    tiny: Vlm, images: Tensor, broken: bool
) -> None:
    hooked: list[bool] = []

    def inner(batch: Tensor) -> Gradient:
        hooked.append(bool(tiny.model.embedding._forward_hooks))
        result = reading(tiny)(batch)
        if broken:
            raise FloatingPointError("no loss")
        return result

    gradient = TextEmbeddingNoise().around(inner, StepContext(tiny, 0, (0, 1)))
    if broken:
        with pytest.raises(FloatingPointError):
            gradient(images)
    else:
        gradient(images)
    assert hooked == [True]
    assert not tiny.model.embedding._forward_hooks
    assert not tiny.model._forward_pre_hooks


def test_a_loss_that_never_asks_the_model_is_an_error(tiny: Vlm, images: Tensor) -> None:
    inner = plain_gradient(lambda batch: batch.sum((1, 2, 3)))
    with pytest.raises(RuntimeError, match="prompt's embeddings"):
        TextEmbeddingNoise().around(inner, StepContext(tiny, 0, (0, 1)))(images)


PROMPTS = ("What is shown in this image?", "Describe it.")


@pytest.fixture(params=["untrained_llava", "untrained_qwen"])
def vlm(request: pytest.FixtureRequest) -> Iterator[Vlm]:
    folder: Path = request.getfixturevalue(request.param)
    yield Vlm.load(folder, device="cpu")


@pytest.fixture
def batch() -> Batch:
    return Batch(
        base=torch.rand(2, 3, 72, 72, generator=torch.Generator().manual_seed(2)),
        prompts=PROMPTS,
        green=torch.zeros(2, 4, dtype=torch.bool),
        seeds=(0, 1),
        target_answers=("maple archive", "seven paper kites"),
    )


def wanted(vlm: Vlm, batch: Batch) -> tuple[GradientFunction, int]:
    """The gradient of the wanted answers, and the length of the longest."""
    objective = TargetAnswer()
    targets = objective.targets(vlm, batch, batch.base, 0, None)
    longest = max(len(answer) for answer in targets.answers)
    return plain_gradient(lambda x: objective.loss(vlm, batch, x, targets)), longest


def test_noise_in_a_real_model_changes_the_prompts_text_and_nothing_else(
    vlm: Vlm, batch: Batch
) -> None:
    inner, longest = wanted(vlm, batch)
    embedding = vlm.model.get_input_embeddings()
    seen: list[Tensor] = []

    def watch(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        seen.append(output.detach().clone())

    with noisy_text(vlm, None) as passes:
        handle = embedding.register_forward_hook(watch)
        inner(batch.base)
        handle.remove()
    with noisy_text(vlm, torch.ones_like(passes[0])):
        handle = embedding.register_forward_hook(watch)
        inner(batch.base)
        handle.remove()
    clean, noisy = seen
    changed = (noisy - clean).abs().sum(-1) > 0
    assert torch.allclose((noisy - clean)[changed], torch.tensor(1.0), atol=1e-5)
    ids = vlm.encode(batch.base, PROMPTS)["input_ids"]
    length = ids.shape[1]
    assert not changed[:, length:].any()
    assert changed.shape[1] == length + longest
    for row, mask, prompt in zip(ids, changed[:, :length], PROMPTS, strict=True):
        text = vlm.tokenizer.decode(row[mask])
        words = vlm.tokenizer.decode(vlm.tokenizer(prompt)["input_ids"], skip_special_tokens=True)
        assert words in text
        left = set(vlm.tokenizer.convert_ids_to_tokens(row[~mask]))
        assert left <= set(vlm.tokenizer.all_special_tokens)
        assert (row[~mask] == vlm.processor.image_token_id).sum() == 9
    gradient = passes[0].grad
    assert gradient is not None
    assert torch.equal(gradient.abs().sum(-1) > 0, changed)


def test_text_positions_of_a_real_model_leave_out_every_special_id(vlm: Vlm) -> None:
    ids = torch.arange(vlm.vocabulary_size)[None]
    found = text_positions(vlm, ids, answer=3)
    special = set(vlm.tokenizer.all_special_ids)
    expected = [i not in special and i < vlm.vocabulary_size - 3 for i in ids[0].tolist()]
    assert found[0].tolist() == expected


def test_the_noise_raises_a_real_models_loss_from_step_to_step_until_it_stops(
    vlm: Vlm, batch: Batch
) -> None:
    inner, _longest = wanted(vlm, batch)
    term = TextEmbeddingNoise(steps=2)
    found = [
        term.around(inner, StepContext(vlm, step, batch.seeds))(batch.base).loss
        for step in range(4)
    ]
    assert (found[1] > found[0]).all()
    assert (found[2] > found[1]).all()
    assert torch.equal(found[3], found[2])


def test_it_composes_with_a_term_of_two_passes(vlm: Vlm, batch: Batch) -> None:
    inner, _longest = wanted(vlm, batch)
    where = StepContext(vlm, 0, batch.seeds)
    noise = TextEmbeddingNoise(step_size=0.05)
    both = noise.around(RepresentationNoise(radius=0.5).around(inner, where), where)
    first = both(batch.base)
    assert (first.loss > inner(batch.base).loss).all()
    assert torch.isfinite(first.images).all()
