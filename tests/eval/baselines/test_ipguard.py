import pytest
import torch

from sif.errors import UsageError
from sif.eval.baselines.ipguard import IpGuard, boundary_loss, ipguard, matching_rate
from tests.eval.baselines.planes import points, thirds, turned

QUICK = IpGuard(margin=0.5, iterations=400, rate=5e-3)


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ([0.0, 3.0, -5.0], 0.0),  # j beats i by k, i beats the rest
        ([0.0, 1.0, -5.0], 1.0),  # one short of k
        ([0.0, 3.0, 2.0], 2.0),  # another class between
        ([4.0, 0.0, 5.0], 7.0),  # both
    ],
)
def test_the_loss_is_the_papers(logits: list[float], expected: float) -> None:
    loss = boundary_loss(torch.tensor([logits]), torch.tensor([0]), torch.tensor([1]), 2.0)
    assert loss.item() == pytest.approx(expected)


def test_two_classes_have_no_third() -> None:
    loss = boundary_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([0]), torch.tensor([1]), 0.5)
    assert loss.item() == pytest.approx(1.5)


def test_points_cross_to_the_least_likely_class_by_the_margin_and_no_further() -> None:
    start = points(40)
    origin, target = thirds(start).argmax(1), thirds(start).argmin(1)
    made = ipguard(thirds, start, QUICK)
    assert made.converged.all()
    assert torch.equal(made.labels, target)
    logits = thirds(made.inputs)
    lead = (logits.gather(1, target[:, None]) - logits.gather(1, origin[:, None]))[:, 0]
    assert (lead >= 0.5 - 1e-4).all()
    assert lead.median() < 1.0


def test_a_copy_matches_and_a_stranger_does_not() -> None:
    made = ipguard(thirds, points(60), QUICK)
    rates = [matching_rate(made, turned(degrees)) for degrees in (0.0, 5.0, 180.0)]
    assert rates[0] == 1.0
    assert rates[0] >= rates[1] > 0.6 > rates[2]


def test_a_point_that_is_there_stays_while_others_go_on() -> None:
    start = points(20)
    short = ipguard(thirds, start, QUICK)
    long = ipguard(thirds, torch.cat([start, torch.tensor([[0.95, 0.95]])]), QUICK)
    assert torch.allclose(long.inputs[:20], short.inputs, atol=1e-6)


def test_points_stay_within_bounds() -> None:
    settings = IpGuard(margin=0.5, iterations=50, rate=0.1, bounds=(0.4, 0.6))
    made = ipguard(thirds, points(20).clamp(0.4, 0.6), settings)
    assert 0.4 - 1e-6 <= made.inputs.min() <= made.inputs.max() <= 0.6 + 1e-6


def test_no_examples_are_refused() -> None:
    with pytest.raises(UsageError, match="at least one example"):
        ipguard(thirds, torch.zeros(0, 2))
