"""Changed weights layer by layer, and blocks that are computed again: the same numbers."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sif.fingerprint.objectives.objective import Batch, Targets
from sif.fingerprint.objectives.target_answer import TargetAnswer
from sif.fingerprint.robustness.checkpointing import Checkpointing
from sif.fingerprint.robustness.parameter_ascent import ParameterAscent
from sif.fingerprint.robustness.representation_noise import RepresentationNoise
from sif.fingerprint.robustness.simulated_copies import SimulatedCopies
from sif.fingerprint.robustness.term import Gradient, StepContext, Term, plain_gradient
from sif.fingerprint.robustness.weight_noise import WeightNoise
from sif.vlm.model import Vlm
from sif.vlm.worn import Drawn, worn
from sif.wear import disturbed

# The seeds draw noise, rounding and pruning in these steps.
STEPS = (0, 1, 3)
TERMS: dict[str, tuple[int, ...]] = {
    "copies": STEPS,
    "noise": (0,),
    "ascent": (0,),
    "copies, ascent": (0,),
    "representations, copies": (0,),
}


def terms(name: str) -> list[Term]:
    made: dict[str, Term] = {
        "copies": SimulatedCopies(plain=0.0),
        "noise": WeightNoise(scale=0.05),
        "ascent": ParameterAscent(rate=0.1),
        "representations": RepresentationNoise(radius=0.5),
    }
    return [made[part] for part in name.split(", ")]


@pytest.fixture(scope="module", params=["untrained_llava", "untrained_qwen"])
def vlm(request: pytest.FixtureRequest) -> Vlm:
    return Vlm.load(request.getfixturevalue(request.param), device="cpu")


def gradient_at(vlm: Vlm, around: list[Term], step: int) -> Gradient:
    base = torch.rand(2, 3, 72, 72, generator=torch.Generator().manual_seed(1))
    green = torch.zeros(2, vlm.vocabulary_size, dtype=torch.bool)
    batch = Batch(base=base, prompts=("What is it?", "Where?"), green=green, seeds=(3, 4))
    targets = Targets([list(range(20, 26)), list(range(30, 34))])
    found = plain_gradient(lambda images: TargetAnswer().loss(vlm, batch, images, targets))
    for term in reversed(around):
        found = term.around(found, StepContext(vlm, step, batch.seeds))
    return found(base)


@pytest.mark.parametrize("name", TERMS)
def test_layer_by_layer_and_computed_again_every_bit_is_the_same(
    vlm: Vlm, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {key: value.clone() for key, value in vlm.model.state_dict().items()}
    for step in TERMS[name]:
        expected = gradient_at(vlm, terms(name), step)
        monkeypatch.setattr("sif.vlm.worn.KEPT", 0)
        for around in (terms(name), [Checkpointing(), *terms(name)]):
            found = gradient_at(vlm, around, step)
            assert torch.equal(found.loss, expected.loss)
            assert torch.equal(found.images, expected.images)
        monkeypatch.undo()
    now = vlm.model.state_dict()
    assert all(torch.equal(value, now[key]) for key, value in before.items())
    assert not any("forward" in module.__dict__ for module in vlm.model.modules())
    assert not torch.equal(expected.images, gradient_at(vlm, [], 0).images)


class Shared(nn.Module):
    """A layer whose weight another module reads as well, and one of another kind."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(5, 4), nn.Linear(4, 5)
        self.head.weight = self.words.weight
        self.other = nn.modules.linear.NonDynamicallyQuantizableLinear(4, 4)
        self.last = nn.Linear(4, 2, bias=False)


def test_weights_that_others_read_are_changed_for_them_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sif.vlm.worn.KEPT", 0)
    model, x = Shared(), torch.ones(1, 4)
    weights = list(model.parameters())
    plain = [model.words.weight.clone(), model.other.weight.clone(), model.last(x).clone()]
    with worn(model, weights, [lambda w: 2 * w] * len(weights)):
        assert torch.equal(model.words.weight, 2 * plain[0])
        assert torch.equal(model.other.weight, 2 * plain[1])
        assert torch.equal(model.last(x), 2 * plain[2])
    assert torch.equal(model.words.weight, plain[0])
    assert torch.equal(model.last(x), plain[2])


def test_a_fixed_draw_is_that_of_its_turn_however_often_it_is_asked_for() -> None:
    weights = [torch.randn(6, 5, generator=torch.Generator().manual_seed(n)) for n in range(3)]

    def noise() -> Drawn:
        return Drawn(lambda w, g: disturbed(w, 0.1, g), torch.Generator().manual_seed(5))

    drawn, fixed = noise(), noise()
    expected = [drawn(one) for one in weights]
    changes = [fixed.fixed(one) for one in weights]
    for _ in range(2):
        for change, one, wanted in zip(changes[::-1], weights[::-1], expected[::-1], strict=True):
            assert torch.equal(change(one), wanted)


def test_everything_is_put_back_where_a_change_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sif.vlm.worn.KEPT", 0)
    model = Shared()
    weights = list(model.parameters())
    before = [weight.clone() for weight in weights]

    def broken(_values: Tensor) -> Tensor:
        raise ValueError("no")

    changes = [lambda w: w + 1] * (len(weights) - 1)
    with pytest.raises(ValueError, match="no"), worn(model, weights, [*changes, broken]):
        model.last(torch.ones(1, 4))
    assert all(torch.equal(a, b) for a, b in zip(before, weights, strict=True))
    assert "forward" not in model.last.__dict__


def test_an_untrained_folder_is_loaded_where_it_is_wanted(untrained_llava: Path) -> None:
    vlm = Vlm.load(untrained_llava, device="cpu")
    assert {p.device for p in vlm.model.parameters()} == {torch.device("cpu")}
    assert not any(p.requires_grad for p in vlm.model.parameters())
