import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from sif.errors import UsageError
from sif.eval.triggers.real_roster import RosterFile, SourceModel
from sif.fingerprint.recipe import load_recipe
from sif.marks.recipe import load_recipe as load_mark
from sif.networks.config import TrainConfig
from sif.networks.domain import Domain
from sif.networks.thefts import Remove
from sif.validation import Numeric, first_fault


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


class Settings(Numeric):
    whole: int = 1
    maybe: float | None = None
    some: tuple[int, ...] = ()
    really: bool = False
    either: bool | int = 0
    parts: tuple[Inner, ...] = ()


@pytest.mark.parametrize(
    "given", [{"whole": True}, {"maybe": False}, {"some": [1, True]}, {"some": (False,)}]
)
def test_true_and_false_are_no_numbers(given: dict[str, Any]) -> None:
    (name,) = given
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(given)
    assert first_fault(caught.value)[:2] == (name, "input should be a number, not true or false")


def test_true_and_false_stay_where_they_belong() -> None:
    taken = Settings(really=True, either=True, whole=2, some=(0, 1))
    assert (taken.really, taken.either, taken.whole, taken.some) == (True, True, 2, (0, 1))
    assert Settings.model_validate_json(taken.model_dump_json()) == taken


@pytest.mark.parametrize(
    ("kind", "given", "where"),
    [
        (Domain, {"shape": [True]}, "shape"),
        (Domain, {"shape": [3], "lower": [0, False, 0]}, "lower"),
        (Remove, {"strength": True}, "strength"),
        (Remove, {"training": {"epochs": True}}, "training.epochs"),
        (SourceModel, {"model": "a/b", "parameters": True}, "parameters"),
        (RosterFile, {"triggers": True}, "triggers"),
        (TrainConfig, {"stopping": False}, "stopping"),
        (TrainConfig, {"method": {"iterations": True}}, "method.Method.iterations"),
    ],
)
def test_settings_in_files_hold_to_it(kind: type[BaseModel], given: Any, where: str) -> None:
    with pytest.raises(ValidationError, match=rf"{re.escape(where)}\n  Input should be a number,"):
        kind.model_validate(given)


@pytest.mark.parametrize(
    ("recipe", "read"),
    [("fingerprint/recipes/sif.yaml", load_recipe), ("marks/recipes/keyed.yaml", load_mark)],
)
def test_recipes_in_files_hold_to_it(recipe: str, read: Callable[..., Any], tmp_path: Path) -> None:
    import sif

    text = (Path(next(iter(sif.__path__))) / recipe).read_text(encoding="utf-8")
    file = tmp_path / "mine.yaml"
    file.write_text(re.sub(r"\bsteps: \d+", "steps: true", text), encoding="utf-8")
    with pytest.raises(UsageError, match="steps: input should be a number, not true or false"):
        read(file)
