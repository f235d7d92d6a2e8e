from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sif.errors import ModelError, UsageError
from sif.fingerprint.objectives.objective import Batch, Objective, Targets
from sif.fingerprint.objectives.target_answer import TargetAnswer, answer_ids, contains_target
from sif.fingerprint.optimize import Schedule, optimise
from sif.prompts import load_targets
from sif.vlm.model import Vlm
from sif.vlm.shared_space import cosines, picture_embeddings, text_embeddings

QUESTIONS = ("Naming the quiet harbour.", "Reading the tide table.")
ANSWERS = ("Maple archive.", "Seven paper kites.")


def smooth(count: int = 2) -> Tensor:
    """Pictures of a few colours at 8-bit values."""
    levels = torch.randint(0, 256, (count, 3, 72, 72), generator=torch.Generator().manual_seed(3))
    return levels.float() / 255


def batch(target_answers: tuple[str, ...] | None = ANSWERS) -> Batch:
    return Batch(
        base=smooth(),
        prompts=QUESTIONS,
        green=torch.zeros(2, 4, dtype=torch.bool),
        seeds=(0, 1),
        target_answers=target_answers,
    )


@pytest.fixture(params=["untrained_llava", "untrained_qwen"])
def vlm(request: pytest.FixtureRequest) -> Iterator[Vlm]:
    folder: Path = request.getfixturevalue(request.param)
    yield Vlm.load(folder, device="cpu")


def test_it_is_an_objective() -> None:
    assert isinstance(TargetAnswer(), Objective)


def test_targets_are_the_answers_and_the_token_that_ends_them(vlm: Vlm) -> None:
    found = TargetAnswer().targets(vlm, batch(), smooth(), 0, None)
    assert found.teacher is None
    for ids, answer in zip(found.answers, ANSWERS, strict=True):
        assert ids[-1] == vlm.tokenizer.eos_token_id
        assert not set(ids[:-1]) & set(vlm.tokenizer.all_special_ids)
        assert contains_target(vlm.decode(ids), answer)


def test_targets_do_not_change_on_the_way(vlm: Vlm) -> None:
    kept = Targets([[5], [6]])
    assert TargetAnswer().targets(vlm, batch(), smooth(), 60, kept) is kept


def test_the_loss_is_the_mean_surprise_at_the_answers_tokens(vlm: Vlm) -> None:
    objective = TargetAnswer()
    targets = objective.targets(vlm, batch(), smooth(), 0, None)
    assert len({len(answer) for answer in targets.answers}) == 2
    found = objective.loss(vlm, batch(), smooth(), targets)
    logits, _ids = vlm.answer_logits(smooth(), QUESTIONS, targets.answers)
    for row, answer, loss in zip(logits, targets.answers, found, strict=True):
        surprise = [-float(row[t].log_softmax(-1)[token]) for t, token in enumerate(answer)]
        assert float(loss) == pytest.approx(sum(surprise) / len(answer), abs=1e-4)


def test_the_loss_falls_over_twenty_steps_for_every_trigger(untrained_llava: Path) -> None:
    vlm, objective = Vlm.load(untrained_llava, device="cpu"), TargetAnswer()
    losses: list[float] = []
    images = optimise(
        vlm,
        batch(),
        objective=objective,
        terms=[],
        schedule=Schedule(steps=20, epsilon=16 / 255, step_size=1 / 255),
        measure=lambda images: torch.zeros(len(images)),
        report=lambda step, loss: losses.append(loss),
    )
    assert losses[-1] < losses[0] - 0.01
    targets = objective.targets(vlm, batch(), smooth(), 0, None)
    before = objective.loss(vlm, batch(), smooth(), targets)
    after = objective.loss(vlm, batch(), images, targets)
    assert (after < before).all()


def test_a_batch_without_wanted_answers_is_one_clear_line(vlm: Vlm) -> None:
    with pytest.raises(UsageError, match="target_answers"):
        TargetAnswer().targets(vlm, batch(None), smooth(), 0, None)


def test_a_batch_with_too_few_wanted_answers_is_refused() -> None:
    with pytest.raises(UsageError, match="each of 2 triggers, got 1"):
        batch(("Maple archive.",))


@pytest.mark.parametrize("answer", ["", "  ", "北", "maple-archive"])
def test_an_answer_that_the_model_cannot_give_is_refused(vlm: Vlm, answer: str) -> None:
    with pytest.raises(UsageError, match="expected a wanted answer"):
        answer_ids(vlm, answer)


def test_a_tokenizer_that_cannot_end_an_answer_is_refused(untrained_llava: Path) -> None:
    vlm = Vlm.load(untrained_llava, device="cpu")
    vlm.tokenizer.eos_token = None
    with pytest.raises(ModelError, match="ends answers"):
        answer_ids(vlm, "maple")


def test_every_wanted_answer_of_the_baselines_can_be_spelt(vlm: Vlm) -> None:
    for pair in load_targets():
        assert len(answer_ids(vlm, pair.answer)) > 3


@pytest.mark.parametrize(
    ("answer", "target", "expected"),
    [
        ("Maple archive.", "Maple archive.", True),
        ("It says: MAPLE \n  archive. Yes.", "Maple archive.", True),
        ("maple archive", "Maple archive.", False),
        ("maple", "maple archive", False),
        ("", "maple", False),
        ("Die STRASSE", "straße", True),
        ("the answer", "  the\tanswer ", True),
    ],
)
def test_an_answer_matches_where_it_contains_the_wanted_one(
    answer: str, target: str, expected: bool
) -> None:
    assert contains_target(answer, target) == expected


@pytest.mark.parametrize("target", ["", " \n"])
def test_a_wanted_answer_without_words_matches_nothing_by_accident(target: str) -> None:
    with pytest.raises(UsageError, match="with words in it"):
        contains_target("anything", target)


def test_the_semantic_part_is_the_cosine_to_the_answers_meaning(vlm: Vlm) -> None:
    plain, both = TargetAnswer(), TargetAnswer(semantic_weight=2.0)
    targets = plain.targets(vlm, batch(), smooth(), 0, None)
    images = smooth().requires_grad_()
    texts = text_embeddings(vlm, [answer[:-1] for answer in targets.answers])
    table = vlm.model.get_input_embeddings().weight
    assert torch.allclose(texts[0], table[targets.answers[0][:-1]].mean(0), atol=1e-6)
    found = cosines(picture_embeddings(vlm, images, QUESTIONS), texts)
    added = both.loss(vlm, batch(), images, targets) - plain.loss(vlm, batch(), images, targets)
    assert torch.allclose(added, 2 * (1 - found), atol=1e-4)
    (slope,) = torch.autograd.grad(added.sum(), images)
    nearer = (images - 2 / 255 * slope.sign()).detach()
    assert (cosines(picture_embeddings(vlm, nearer, QUESTIONS), texts) > found).all()


def test_a_pictures_meaning_is_that_of_what_the_language_model_sees(vlm: Vlm) -> None:
    seen: list[Tensor] = []
    handle = vlm.model.get_decoder().register_forward_pre_hook(
        lambda _module, _inputs, named: seen.append(named["inputs_embeds"]), with_kwargs=True
    )
    inputs = vlm.encode(smooth(), QUESTIONS)
    with torch.no_grad():
        vlm.model(**inputs)
    handle.remove()
    where = inputs["input_ids"] == vlm.model.config.image_token_id
    means = [row[places].mean(0) for row, places in zip(seen[0], where, strict=True)]
    assert torch.allclose(
        picture_embeddings(vlm, smooth(), QUESTIONS), torch.stack(means), atol=1e-5
    )
    assert not torch.allclose(means[0], means[1])
