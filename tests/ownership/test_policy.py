from typing import Any

import pytest
from pydantic import ValidationError

from sif.errors import UsageError
from sif.ownership.policy import Policy


def test_the_default_is_the_contract_of_the_design() -> None:
    policy = Policy()
    assert (policy.alpha, policy.alpha_transfer) == (1e-6, 0.01)
    assert policy.transfer_allowance is None


def test_a_policy_survives_json() -> None:
    policy = Policy(alpha=1e-9, budget=30, repeats=2, tilts=(0.5, 1.0))
    assert Policy.model_validate_json(policy.model_dump_json()) == policy


def test_a_policy_cannot_be_changed_after_the_fact() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Policy().alpha = 0.1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("alpha", 0.0),
        ("alpha", 0.5),
        ("alpha", "often"),
        ("alpha_transfer", 1.0),
        ("transfer_allowance", -0.1),
        ("transfer_allowance", 1.0),
        ("transfer_allowance", float("nan")),
        ("order", "strongest first"),
        ("budget", 0),
        ("minimum_answers", 0),
        ("repeats", 0),
        ("tilts", ()),
        ("tilts", (0.5, 0.5)),
        ("tilts", (1.0, 0.5)),
        ("tilts", (0.0, 1.0)),
        ("tilts", (1.0, float("inf"))),
        ("tilts", (1.0, float("nan"))),
        ("schema_version", 2),
        ("alhpa", 0.1),
    ],
)
def test_a_wrong_value_is_named_in_one_line(field: str, value: Any) -> None:
    with pytest.raises(UsageError, match=field) as caught:
        Policy(**{field: value})
    assert "\n" not in str(caught.value)
