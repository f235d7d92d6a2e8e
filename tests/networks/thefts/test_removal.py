"""Removal: features move, answers stay, and each half of the attack does its own part."""

import copy

import pytest
import torch
from torch import nn

from sif.errors import ModelError, UsageError
from sif.networks.architecture import Mlp, Recurrent, build
from sif.networks.thefts import Remove, Tune, removal
from sif.networks.thefts.dataset import Dataset, score
from sif.networks.thefts.fit import Fit, fit
from sif.networks.thefts.removal import NUDGE, alikeness, features_alike, mixed
from sif.networks.weights import digest_network
from tests.networks.small import DOMAIN, examples, trained


class Reversed(nn.Module):
    """Has its head first and its body last, so that the last module is not what is asked last."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 3)
        self.body = nn.Linear(6, 4)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.head(self.body(inputs).relu())
        return outputs


LONG = Fit(epochs=60, learning_rate=3e-3, batch_size=32)


@pytest.fixture(scope="module")
def victim() -> nn.Module:
    return trained(1, examples(), epochs=30)


def test_features_move_with_the_strength_and_accuracy_stays(victim: nn.Module) -> None:
    data, unseen = examples(200, seed=5), examples(400, seed=6)
    alike, quality = [], []
    for strength in (0.01, 0.3, 1.0):
        moved = Remove(strength=strength, training=LONG)(victim, data, 7)
        alike.append(features_alike(victim, moved, unseen.inputs))
        quality.append(score(moved, unseen))
    tuned = Tune(training=LONG)(victim, data, 7)
    assert features_alike(victim, victim, unseen.inputs) == pytest.approx(1.0, abs=1e-5)
    assert features_alike(victim, tuned, unseen.inputs) > 0.9
    assert alike[0] > alike[1] > alike[2]
    assert alike[2] < 0.5
    assert min(quality[:2]) > score(victim, unseen) - 0.08
    assert quality[2] > score(victim, unseen) - 0.2


def test_the_thief_needs_no_label(victim: nn.Module) -> None:
    data = examples(60, seed=5)
    mislabelled = data.retold(data.inputs, (data.targets + 1) % 3, soft=False)
    attack = Remove(training=Fit(epochs=2))
    assert digest_network(attack(victim, data, 1)) == digest_network(attack(victim, mislabelled, 1))


def test_the_victims_hooks_are_taken_off_again(victim: nn.Module) -> None:
    moved = Remove(training=Fit(epochs=1))(victim, examples(20), 1)
    for network in (victim, moved):
        assert not any(module._forward_pre_hooks for module in network.modules())


def test_numbers_stay_near_the_victims_whatever_their_unit() -> None:
    inputs = DOMAIN.sample(200, torch.Generator().manual_seed(0))
    for unit in (1.0, 1000.0):
        network = build(Mlp(inputs=(6,), widths=(32,), outputs=(2,)), seed=0).eval()
        data = Dataset(inputs=inputs, targets=2 * inputs[:, :2], domain=DOMAIN)
        fit(network, data, Fit(epochs=60, learning_rate=1e-2), seed=0)
        last = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
        for parameter in last.parameters():
            parameter.mul_(unit)
        scaled = data.retold(inputs, unit * data.targets, soft=False)
        moved = Remove(strength=0.1, training=LONG)(network, scaled, 3)
        assert features_alike(network, moved, inputs) < 0.8
        assert score(moved, scaled) > 0.8


def test_what_a_recurrent_networks_head_reads_is_moved() -> None:
    network = build(Recurrent(inputs=(4, 1), hidden=6, outputs=(2,)), seed=1).eval()
    inputs = torch.rand(40, 4, 1, generator=torch.Generator().manual_seed(1))
    domain = DOMAIN.model_copy(update={"shape": (4, 1)})
    targets = torch.cat([inputs.sum(1), inputs[:, -1]], 1)
    data = Dataset(inputs=inputs, targets=targets, domain=domain)
    fit(network, data, Fit(epochs=60, learning_rate=1e-2), seed=1)
    moved = Remove(strength=30, training=Fit(epochs=200, learning_rate=1e-2))(network, data, 1)
    assert features_alike(network, moved, inputs) < 0.7


def test_answers_are_mixed_as_far_as_the_best_class_stays_the_best() -> None:
    told = mixed(torch.tensor([[0.9, 0.1, 0.0], [0.0, 0.3, 0.7]]))
    # 0.45 of the first: 0.405 against 0.385 for the last class; 0.40 is too little. Of the second,
    # 0.55: 0.385 against 0.405; 0.60: 0.42 against 0.36.
    expected = [[0.405, 0.21, 0.385], [0.36, 0.22, 0.42]]
    torch.testing.assert_close(told, torch.tensor(expected), atol=1e-5, rtol=0)
    alone = torch.tensor([[0.2, 0.8]])
    torch.testing.assert_close(mixed(alone), alone)


def test_far_answers_are_found_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = torch.rand(50, 4, generator=torch.Generator().manual_seed(0)).softmax(1)
    whole = mixed(answers)
    monkeypatch.setattr(removal, "AT_ONCE", 7)
    torch.testing.assert_close(mixed(answers), whole)


@pytest.mark.parametrize(
    "network", [nn.Linear(6, 3), nn.Sequential(nn.Flatten(), nn.Linear(6, 3)), Reversed()]
)
def test_a_network_without_hidden_features_is_refused(network: nn.Module) -> None:
    with pytest.raises(ModelError, match="with hidden features"):
        Remove(training=Fit(epochs=1))(network, examples(20), 1)
    assert not any(module._forward_pre_hooks for module in network.modules())


@pytest.mark.parametrize("number", [1, 5])
def test_numbers_that_are_all_the_same_are_refused(number: int) -> None:
    inputs = DOMAIN.sample(1, torch.Generator().manual_seed(0)).repeat(number, 1)
    data = Dataset(inputs=inputs, targets=torch.zeros(number, 2), domain=DOMAIN)
    network = build(Mlp(inputs=(6,), widths=(4,), outputs=(2,)), seed=0).eval()
    with pytest.raises(UsageError, match=f"answers differently, got {number} with one"):
        Remove()(network, data, 1)


def test_a_training_that_ran_away_is_refused(victim: nn.Module) -> None:
    wild = Fit(epochs=1, learning_rate=1e38)
    with pytest.raises(ModelError, match=r"finite weights.* lower the learning rate"):
        Remove(training=wild)(victim, examples(200), 1)


def test_opposed_and_crossed_features_are_not_alike() -> None:
    one = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    assert float(alikeness(one, one)) == pytest.approx(1.0)
    assert float(alikeness(one, 3 * one)) == pytest.approx(1.0)
    assert float(alikeness(one, -one)) == 0.0
    assert float(alikeness(one, one.flip(1))) == 0.0
    assert float(alikeness(one, torch.tensor([[1.0, 1.0], [0.0, 1.0]]))) == pytest.approx(
        (2**-0.5 + 1) / 2
    )


def test_without_the_nudge_equal_features_have_no_slope(victim: nn.Module) -> None:
    twin = copy.deepcopy(victim).requires_grad_(True)
    inputs = examples(20).inputs
    features = list(twin.children())[:-2]
    seen = nn.Sequential(*features)(inputs)
    alikeness(seen, seen.detach()).backward()
    slopes = [p.grad.abs().max() for p in nn.Sequential(*features).parameters()]
    assert max(slopes) < 1e-5
    assert NUDGE > 0


@pytest.mark.parametrize("strength", [0.0, -1.0, float("nan"), 1001.0])
def test_strengths_out_of_range_are_refused(strength: float) -> None:
    with pytest.raises(ValueError, match="strength"):
        Remove(strength=strength)
