import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from sif.fingerprint.objectives.green_mass import GreenMass, green_mass_loss
from sif.fingerprint.objectives.objective import Batch, Targets
from sif.fingerprint.objectives.safd import distillation_losses
from sif.vlm.model import Vlm

BASE = torch.tensor(
    [[[0.6, 0.3, 0.099, 0.001], [0.001, 1e-9, 0.9, 0.099], [0.25, 0.25, 0.25, 0.25]]]
)
LOGITS = torch.tensor([[[2.0, 1.0, 0.0, -1.0], [0.5, 0.0, 3.0, 1.0], [9.0, 0.0, 0.0, 9.0]]])
IDS = torch.tensor([[0, 2, -1]])
GREEN = torch.tensor([[False, True, False, True]])


def loss(**changes: Any) -> float:
    fields: dict[str, Any] = {
        "logits": LOGITS,
        "ids": IDS,
        "green": GREEN,
        "base": BASE.log(),
        "plausible": 0.01,
        "coherence_weight": 2.0,
    } | changes
    return green_mass_loss(**fields).item()


def test_it_is_the_surprise_at_the_joint_mass_of_plausible_green_words() -> None:
    found = LOGITS.softmax(-1)[0]
    expected = -math.log(found[0, 1]) - math.log(found[1, 3])
    assert loss() == pytest.approx(expected / 2, abs=1e-6)
    wide = -math.log(found[0, 1] + found[0, 3]) - math.log(found[1, 3])
    assert loss(plausible=0.001) == pytest.approx(wide / 2, abs=1e-6)


def test_where_no_green_word_would_do_it_stays_with_the_base_image() -> None:
    none = torch.tensor([[True, False, False, False]])
    first = -math.log(LOGITS.softmax(-1)[0, 0, 0])
    second = distillation_losses(LOGITS[:, 1:2], BASE.log()[:, 1:2]).item()
    assert loss(green=none) == pytest.approx((first + 2.0 * second) / 2, abs=1e-6)


def test_repeated_words_share_one_vote() -> None:
    logits, base = LOGITS[:, :2].repeat(1, 2, 1), BASE[:, :2].repeat(1, 2, 1)
    thrice = loss(logits=logits, base=base.log(), ids=torch.tensor([[0, 2, 0, 0]]))
    found = LOGITS.softmax(-1)[0]
    words = [-math.log(found[0, 1]), -math.log(found[1, 3])] * 2
    shares = [1 / 3, 1, 1 / 3, 1 / 3]
    expected = sum(word * share for word, share in zip(words, shares, strict=True)) / 4
    assert thrice == pytest.approx(expected, abs=1e-6)


def test_padding_of_an_answer_and_of_the_vocabulary_change_nothing() -> None:
    cut = loss(logits=LOGITS[:, :2], ids=IDS[:, :2], base=BASE[:, :2].log())
    assert loss() == pytest.approx(cut, abs=1e-7)
    logits = torch.cat([LOGITS, torch.full((1, 3, 2), -1e4)], -1)
    base = torch.cat([BASE.log(), torch.full((1, 3, 2), -50.0)], -1)
    assert loss(logits=logits, base=base) == pytest.approx(loss(), abs=1e-5)


def test_gradients_are_finite_where_no_word_is_green() -> None:
    logits = LOGITS.clone().requires_grad_()
    none = torch.zeros(1, 4, dtype=torch.bool)
    base = BASE.clamp(min=1e-30).log()
    green_mass_loss(logits, IDS, none, base, plausible=0.01, coherence_weight=1.0).sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


class Spoken(Vlm):
    """A model that answers with the words it is told; it sees nothing."""

    def __init__(self, answers: list[list[int]]) -> None:
        processor = SimpleNamespace(tokenizer=SimpleNamespace(eos_token_id=3))
        model = SimpleNamespace(get_output_embeddings=lambda: None)
        super().__init__(model, processor, "spoken")
        object.__setattr__(self, "answers", answers)
        object.__setattr__(self, "biases", [])

    def generate(self, images: Any, prompts: Any, settings: Any, hook: Any = None) -> Any:
        self.biases.append(float(hook(torch.zeros(1, 1), torch.zeros(1, 4))[0, 1]))
        return self.answers

    def answer_logits(self, images: Any, prompts: Any, answers: Any) -> Any:
        longest = max(len(answer) for answer in answers)
        return torch.zeros(len(answers), longest, 4), torch.zeros(len(answers), longest)


def batch() -> Batch:
    return Batch(base=torch.zeros(1, 3, 2, 2), prompts=("?",), green=GREEN, seeds=(0,))


def test_answers_are_refreshed_with_a_weaker_bias_and_end_with_their_end() -> None:
    spoken: Any = Spoken([[0, 1]])
    objective = GreenMass(answer_tokens=3, delta=5.0, refresh_every=2, refresh_delta=1.5)
    current: Targets | None = None
    seen = []
    for step in range(5):
        current = objective.targets(spoken, batch(), batch().base, step, current)
        seen.append(current)
    assert spoken.biases == [5.0, 1.5, 1.5]
    assert seen[0] is seen[1] and seen[1] is not seen[2]
    assert seen[0].answers == [[0, 1, 3]]
    assert seen[0].teacher is not None
    assert seen[0].teacher.exp().sum(-1).allclose(torch.ones(1, 3))


def test_an_answer_that_was_cut_off_has_no_end() -> None:
    spoken: Any = Spoken([[0, 1, 2]])
    objective = GreenMass(answer_tokens=3)
    assert objective.targets(spoken, batch(), batch().base, 0, None).answers == [[0, 1, 2]]
