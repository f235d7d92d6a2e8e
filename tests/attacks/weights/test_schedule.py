import pytest
from pydantic import ValidationError

from sif.attacks.weights.schedule import (
    LowRank,
    Training,
    learning_rate,
    number_of_steps,
    order_of_examples,
)
from sif.errors import UsageError


def test_epochs_count_whole_passes() -> None:
    assert number_of_steps(Training(epochs=3, batch_size=4, accumulate=2), 16) == 6
    assert number_of_steps(Training(batch_size=8), 3) == 1
    assert number_of_steps(Training(steps=5), 1000) == 5


def test_every_pass_shows_every_example_once() -> None:
    order = order_of_examples(Training(batch_size=4), 10, 5)
    assert sorted(order[:10]) == sorted(order[10:]) == list(range(10))
    assert order[:10] != order[10:]


@pytest.mark.parametrize("pace", ["constant", "linear", "cosine"])
def test_the_rate_rises_then_follows_its_pace(pace: str) -> None:
    settings = Training(learning_rate=1.0, pace=pace, warm_up=0.1)
    rates = [learning_rate(settings, step, 100) for step in range(100)]
    assert 0 < rates[0] < rates[5] < rates[10] == max(rates) == 1.0
    assert rates[-1] == (1.0 if pace == "constant" else pytest.approx(0, abs=0.02))
    assert min(rates) > 0


def test_the_default_rate_depends_on_what_is_trained() -> None:
    for settings, peak in ((Training(), 2e-5), (Training(lora=LowRank()), 2e-4)):
        assert max(learning_rate(settings, step, 50) for step in range(50)) == peak


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 1e9},
        {"epochs": 1e300},
        {"steps": 10**12},
        {"batch_size": 10**9},
        {"accumulate": 10**9, "steps": 1},
    ],
)
def test_a_training_without_end_is_refused_before_it_fills_the_memory(
    settings: dict[str, float],
) -> None:
    with pytest.raises(UsageError, match="at most 20,000,000 examples in all its passes"):
        number_of_steps(Training.model_validate(settings), 10)


@pytest.mark.parametrize("field", ["epochs", "learning_rate", "clip", "weight_decay"])
def test_numbers_without_bounds_are_no_settings(field: str) -> None:
    with pytest.raises(ValidationError, match="finite number"):
        Training.model_validate({field: float("inf")})
