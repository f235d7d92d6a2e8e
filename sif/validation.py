"""What models share: numbers that are numbers, first faults in words, fields that came later.

Knows nothing of what was read.
"""

from typing import Any, Final, NamedTuple, get_args

from pydantic import BaseModel, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

NO_NUMBER: Final = PydanticCustomError(
    "truth_for_a_number", "Input should be a number, not true or false"
)


class Fault(NamedTuple):
    """What is wrong with a value.

    Attributes:
        where: names and places on the way to it, joined by dots; empty for the whole.
        what: is wrong, beginning with a small letter.
        got: the value.
    """

    where: str
    what: str
    got: Any


class Numeric(BaseModel):
    """A model whose numbers are not given as true or false, which pydantic takes for 1 and 0."""

    @model_validator(mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, given: Any) -> Any:
        faults = [
            InitErrorDetails(type=NO_NUMBER, loc=(name,), input=given[name])
            for name, field in (cls.model_fields if isinstance(given, dict) else {}).items()
            if _holds_truth(given.get(name)) and _is_of_numbers(field.annotation)
        ]
        if faults:
            raise ValidationError.from_exception_data(cls.__name__, faults)
        return given


def _is_of_numbers(annotation: Any) -> bool:
    """Whether a type has place for numbers and for no truth."""
    kinds = _kinds(annotation)
    return bool not in kinds and (int in kinds or float in kinds)


def _kinds(annotation: Any) -> list[Any]:
    """A type and all that it is made of."""
    return [annotation, *(kind for one in get_args(annotation) for kind in _kinds(one))]


def _holds_truth(value: Any) -> bool:
    return isinstance(value, bool) or (
        isinstance(value, list | tuple) and any(_holds_truth(one) for one in value)
    )


def first_fault(error: ValidationError) -> Fault:
    """The first of an error's faults."""
    first = error.errors()[0]
    message = first["msg"]
    return Fault(
        where=".".join(map(str, first["loc"])),
        what=message[:1].lower() + message[1:],
        got=first["input"],
    )


def without_default(written: dict[str, Any], **later: Any) -> dict[str, Any]:
    """What a model wrote down, without later fields that say what was so before there were any.

    Files of before, and what is computed again of them, stay the same to the byte.

    Args:
        written: by name.
        later: fields, with what their absence means.
    """
    return {
        name: value for name, value in written.items() if name not in later or value != later[name]
    }
