import pytest
from pydantic import BaseModel, Field, ValidationError

from sif.validation import first_fault


class Inner(BaseModel):
    rate: float = Field(gt=0, lt=1)


class Outer(BaseModel):
    parts: list[Inner]


def test_the_first_fault_says_where_what_and_what_came() -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"parts": [{"rate": 0.5}, {"rate": 2}, {"rate": 3}]})
    where, what, got = first_fault(caught.value)
    assert (where, got) == ("parts.1.rate", 2)
    assert what == "input should be less than 1"


def test_a_fault_of_the_whole_is_nowhere() -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate("none")
    assert first_fault(caught.value).where == ""
