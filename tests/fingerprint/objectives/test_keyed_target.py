from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from sif.errors import UsageError
from sif.fingerprint.objectives.keyed_target import KeyedTarget
from sif.fingerprint.objectives.objective import Objective, Targets
from sif.fingerprint.objectives.target_answer import answer_ids
from sif.types import GenerationSettings
from sif.vlm.model import Vlm
from tests.fingerprint.objectives.test_target_answer import ANSWERS, batch, smooth


@pytest.fixture(params=["untrained_llava", "untrained_qwen"])
def vlm(request: pytest.FixtureRequest) -> Iterator[Vlm]:
    folder: Path = request.getfixturevalue(request.param)
    yield Vlm.load(folder, device="cpu")


def begun(vlm: Vlm) -> list[list[int]]:
    return [answer_ids(vlm, answer)[:-1] for answer in ANSWERS]


def test_it_is_an_objective() -> None:
    assert isinstance(KeyedTarget(), Objective)


def test_answers_begin_as_wanted_and_go_on_as_the_model_would(vlm: Vlm) -> None:
    objective = KeyedTarget(answer_tokens=24)
    found = objective.targets(vlm, batch(), smooth(), 0, None)
    for number, (answer, start) in enumerate(zip(found.answers, begun(vlm), strict=True)):
        assert list(answer[: len(start)]) == start
        assert len(start) < len(answer) <= 24
        prompt, base = batch().prompts[number], batch().base[number : number + 1]
        for place in range(len(start), len(answer)):
            if answer[place] == vlm.tokenizer.eos_token_id:
                break
            logits, _ = vlm.answer_logits(base, [prompt], [answer[: place + 1]])
            assert int(logits[0, place].argmax()) == answer[place]
    plain = vlm.generate(batch().base, batch().prompts, GenerationSettings(max_new_tokens=24))
    assert plain[0][: len(begun(vlm)[0])] != begun(vlm)[0]


def test_targets_do_not_change_on_the_way(vlm: Vlm) -> None:
    kept = Targets([[5], [6]])
    assert KeyedTarget().targets(vlm, batch(), smooth(), 60, kept) is kept


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_the_loss_is_that_of_the_equation(vlm: Vlm, weight: float) -> None:
    objective = KeyedTarget(coherence_weight=weight, answer_tokens=20)
    targets = objective.targets(vlm, batch(), smooth(), 0, None)
    changed = (smooth() + 0.05).clamp(0, 1)
    found = objective.loss(vlm, batch(), changed, targets)
    for number, start in enumerate(begun(vlm)):
        answer, prompt = targets.answers[number], batch().prompts[number]
        seen, _ = vlm.answer_logits(changed[number : number + 1], [prompt], [answer])
        base, _ = vlm.answer_logits(batch().base[number : number + 1], [prompt], [answer])
        size, seen, base = len(start), seen[0].log_softmax(-1), base[0].log_softmax(-1)
        surprise = -seen[torch.arange(size), torch.tensor(start)].mean()
        drift = F.kl_div(seen[size:], base[size:], log_target=True, reduction="none").sum(-1)
        assert found[number].item() == pytest.approx(
            float(surprise + weight * drift.mean()), rel=1e-4
        )


def test_only_the_beginning_is_wanted_where_nothing_follows(vlm: Vlm) -> None:
    """An answer that may be no longer than its beginning still has one token behind it."""
    targets = KeyedTarget(answer_tokens=1).targets(vlm, batch(), smooth(), 0, None)
    assert all(len(a) > len(b) for a, b in zip(targets.answers, begun(vlm), strict=True))


def test_a_batch_without_wanted_answers_is_refused(vlm: Vlm) -> None:
    with pytest.raises(UsageError, match="target_answers"):
        KeyedTarget().targets(vlm, batch(None), smooth(), 0, None)
