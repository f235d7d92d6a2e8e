"""YAML as people write settings: bounded in length, depth and what its aliases stand for.

Flow brackets that are nested take a time that grows with the square of their number, and a few
lines of aliases stand for billions of values. Knows nothing of what is read.
"""

from typing import Any, Final

import yaml

LONGEST: Final = 1_000_000
DEEPEST: Final = 100
MOST_VALUES: Final = 100_000


class NoYamlError(ValueError):
    """No YAML, or more of it than settings are; says in a line what is wrong."""


def read_yaml(text: str) -> Any:
    """The value in a YAML text, of plain types only.

    Raises:
        NoYamlError: anything else.
    """
    if len(text) > LONGEST:
        raise NoYamlError(f"expected at most {LONGEST:,} characters, got {len(text):,}")
    _check_brackets(text)
    try:
        value = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        # The line itself may hold what is nobody's business.
        places = [mark for mark in (error.context_mark, error.problem_mark) if mark is not None]
        for mark in places:
            mark.buffer = None
        raise NoYamlError(" ".join(str(error).split())) from error
    except yaml.YAMLError as error:
        raise NoYamlError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise NoYamlError("nested too deep") from error
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise NoYamlError(f"a value is none: {error}") from error
    _size(value, {}, 0)
    return value


def _check_brackets(text: str) -> None:
    depth = 0
    for letter in text:
        if letter in "[{":
            depth += 1
            if depth > DEEPEST:
                raise NoYamlError("nested too deep")
        elif letter in "]}":
            depth = max(0, depth - 1)


def _size(value: Any, known: dict[int, int], depth: int) -> int:
    """How many values there are once all aliases are written out."""
    if not isinstance(value, dict | list):
        return 1
    if depth > DEEPEST:
        raise NoYamlError("nested too deep, or a part holds itself")
    if id(value) not in known:
        inside = [*value, *value.values()] if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(one, known, depth + 1) for one in inside)
    if known[id(value)] > MOST_VALUES:
        raise NoYamlError(f"expected at most {MOST_VALUES:,} values, got more")
    return known[id(value)]
