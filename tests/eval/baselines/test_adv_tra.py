import pytest
import torch

from sif.errors import UsageError
from sif.eval.baselines.adv_tra import AdvTra, adv_tra, detection_rate, mutation_rates
from tests.eval.baselines.planes import points, thirds, turned

SETTINGS = AdvTra(classes=3, length=8, decay=0.9, first_step=0.02, searches=40)


def test_every_leg_crosses_into_its_class_in_the_middle_and_not_before() -> None:
    made = adv_tra(thirds, points(40), SETTINGS)
    assert len(made.points) > 30
    for leg in range(2):
        part = made.labels[:, 8 * leg : 8 * leg + 9]
        target = part[:, -1:]
        assert (part[:, :4] != target).all()
        assert (part[:, 4:] == target).all()


def test_steps_shrink_towards_the_boundary_and_grow_behind_it() -> None:
    made = adv_tra(thirds, points(40), SETTINGS)
    inside = ((made.points > 0.02) & (made.points < 0.98)).flatten(1).all(1)
    steps = made.points[inside].diff(dim=1).abs().amax(-1)[:, :8]
    assert len(steps) > 10
    assert torch.allclose(steps[:, 1:4] / steps[:, :3], torch.tensor(0.9), atol=1e-3)
    assert torch.allclose(steps[:, 4:], steps[:, :4].flip(1), atol=1e-5)


def test_three_classes_are_visited_by_every_trajectory() -> None:
    made = adv_tra(thirds, points(20), SETTINGS)
    assert all(len(set(row.tolist())) == 3 for row in made.labels)


def test_mutation_grows_with_the_distance_of_the_boundaries() -> None:
    made = adv_tra(thirds, points(60), SETTINGS)
    rates = [float(mutation_rates(made, turned(angle)).mean()) for angle in (0.0, 10.0, 60.0)]
    assert rates[0] == 0.0
    assert rates[0] < rates[1] < rates[2]


def test_a_copy_is_recognised_and_an_opposite_model_is_not() -> None:
    made = adv_tra(thirds, points(60), SETTINGS)
    assert detection_rate(made, thirds) == 1.0
    assert detection_rate(made, turned(180.0)) < 0.2


def test_the_seed_decides_the_order_of_classes() -> None:
    first, again = (adv_tra(thirds, points(20), SETTINGS) for _ in range(2))
    assert torch.equal(first.points, again.points)


def test_more_classes_than_there_are_are_refused() -> None:
    with pytest.raises(UsageError, match="2 to 3 classes"):
        adv_tra(thirds, points(4), AdvTra(classes=4))
