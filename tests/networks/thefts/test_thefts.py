"""Every theft of any network: what it changes, what it keeps, and that it is the same again."""

import pytest
import torch
from torch import nn

from sif.networks.architecture import Mlp, Recurrent, build
from sif.networks.thefts import Distil, Extract, Harden, Noise, Prune, Quantize, Remove, Tune
from sif.networks.thefts.dataset import Dataset, score
from sif.networks.thefts.fit import Fit
from sif.networks.thefts.obfuscation import afresh, last_layer, matrices
from sif.networks.weights import digest_network
from tests.networks.small import ARCHITECTURE, examples, trained

SHORT = Fit(epochs=12, learning_rate=1e-2, batch_size=16)
EVERY = {
    "tune last": Tune(layers="last", training=SHORT),
    "tune all": Tune(training=SHORT),
    "prune": Prune(fraction=0.5, training=SHORT),
    "quantize": Quantize(bits=3),
    "noise": Noise(sigma=0.1),
    "distil": Distil(training=SHORT),
    "extract": Extract(training=Fit(epochs=5, learning_rate=1e-2, batch_size=16)),
    "extract labels": Extract(
        answers="labels", training=Fit(epochs=5, learning_rate=1e-2, batch_size=16)
    ),
    "harden": Harden(training=SHORT),
    "remove": Remove(strength=0.3, training=SHORT),
}
NUMBERS = Dataset(
    inputs=examples().inputs,
    targets=examples().inputs[:, :2] * 2,
    domain=examples().domain,
)


@pytest.fixture(scope="module")
def victim() -> nn.Module:
    return trained(1, examples(), epochs=30)


@pytest.mark.parametrize("name", EVERY)
def test_a_theft_leaves_the_victim_and_is_the_same_again(name: str, victim: nn.Module) -> None:
    before, data = digest_network(victim), examples(120, seed=5)
    copy = EVERY[name](victim, data, 7)
    assert digest_network(victim) == before
    assert digest_network(copy) != before
    assert digest_network(EVERY[name](victim, data, 7)) == digest_network(copy)
    assert not any(parameter.requires_grad for parameter in copy.parameters())
    assert score(copy, examples(300, seed=6)) > 0.7


@pytest.mark.parametrize("name", ["tune all", "noise", "distil", "extract"])
def test_seeds_tell_copies_apart(name: str, victim: nn.Module) -> None:
    data = examples(120, seed=5)
    theft = EVERY[name]
    assert digest_network(theft(victim, data, 1)) != digest_network(theft(victim, data, 2))


@pytest.mark.parametrize("name", EVERY)
def test_thefts_work_on_regressors_too(name: str) -> None:
    network = build(Mlp(inputs=(6,), widths=(16,), outputs=(2,)), seed=0).eval()
    Tune(training=Fit(epochs=40, learning_rate=1e-2))(network, NUMBERS, 0)
    copy = EVERY[name](network, NUMBERS, 7)
    assert copy(NUMBERS.inputs).shape == (200, 2)
    assert torch.isfinite(copy(NUMBERS.inputs)).all()


def test_the_last_layer_alone_is_tuned(victim: nn.Module) -> None:
    copy = EVERY["tune last"](victim, examples(), 0)
    changed = [
        not torch.equal(new, old)
        for new, old in zip(copy.parameters(), victim.parameters(), strict=True)
    ]
    assert changed == [False, False, True, True]
    assert last_layer(victim) is list(victim.modules())[-2]


def test_pruned_weights_stay_at_zero_while_the_rest_is_tuned(victim: nn.Module) -> None:
    copy = EVERY["prune"](victim, examples(), 0)
    for weights in matrices(copy):
        assert (weights == 0).float().mean() == pytest.approx(0.5, abs=0.02)
    bare = Prune(fraction=0.5, training=None)(victim, examples(), 0)
    assert digest_network(bare) != digest_network(copy)


def test_rounded_rows_hold_few_values(victim: nn.Module) -> None:
    copy = Quantize(bits=2)(victim, examples(), 0)
    assert max(len(row.unique()) for weights in matrices(copy) for row in weights) <= 4


def test_a_student_of_another_architecture_learns_the_victims_answers(victim: nn.Module) -> None:
    student = Mlp(inputs=(6,), widths=(8, 8), outputs=(3,), activation="tanh")
    data = examples(seed=5)
    copy = Distil(student=student, training=Fit(epochs=30, learning_rate=1e-2))(victim, data, 0)
    assert [weights.shape[0] for weights in matrices(copy)] == [8, 8, 3]
    agree = (copy(data.inputs).argmax(1) == victim(data.inputs).argmax(1)).float().mean()
    assert agree > 0.85


def test_extraction_never_sees_targets(victim: nn.Module) -> None:
    data = examples(seed=5)
    mislabelled = data.retold(data.inputs, (data.targets + 1) % 3, soft=False)
    theft = EVERY["extract labels"]
    assert digest_network(theft(victim, data, 1)) == digest_network(theft(victim, mislabelled, 1))


def test_label_only_answers_hold_no_more_than_labels(victim: nn.Module) -> None:
    # Twice as sure, but of the same classes: nothing changes for who sees labels alone.
    class Surer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = victim

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return 2 * self.body(inputs)

    data, theft = examples(seed=5), Extract(answers="labels", student=ARCHITECTURE, training=SHORT)
    soft = Extract(student=ARCHITECTURE, training=SHORT)
    assert digest_network(theft(Surer(), data, 1)) == digest_network(theft(victim, data, 1))
    assert digest_network(soft(Surer(), data, 1)) != digest_network(soft(victim, data, 1))


def test_hardening_makes_the_network_harder_to_push(victim: nn.Module) -> None:
    data = examples(300, seed=6)

    def pushed(network: nn.Module) -> float:
        moved = data.inputs.clone().requires_grad_()
        (slope,) = torch.autograd.grad(data.loss(network(moved), data.targets), moved)
        worst = data.domain.clamp(data.inputs + 0.3 * slope.sign())
        return score(network, data.retold(worst, data.targets, soft=False))

    hard = Harden(epsilon=0.15, training=Fit(epochs=20, learning_rate=5e-3))(victim, examples(), 0)
    soft = Tune(training=Fit(epochs=20, learning_rate=5e-3))(victim, examples(), 0)
    assert pushed(hard) > pushed(soft)


def test_a_fresh_network_keeps_the_architecture_and_nothing_else() -> None:
    network = build(Recurrent(inputs=(5, 1), hidden=4, outputs=(2,)), seed=0)
    fresh = afresh(network, seed=1)
    for new, old in zip(fresh.parameters(), network.parameters(), strict=True):
        assert new.shape == old.shape
        assert not torch.equal(new, old)
    assert digest_network(afresh(network, seed=1)) == digest_network(fresh)


def test_checkpoints_lie_on_the_way() -> None:
    from sif.networks.thefts.fit import fit

    data, network = examples(), build(ARCHITECTURE, seed=3).eval()
    kept = fit(network, data, SHORT, seed=0, keep=(0.5, 1.0))
    assert digest_network(kept[1]) == digest_network(network)
    assert score(kept[0], data) <= score(network, data) + 0.05
    assert digest_network(kept[0]) != digest_network(network)
