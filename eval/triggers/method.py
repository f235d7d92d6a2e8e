"""What a benchmark compares: recipes, some with other settings, as in `sif@epsilon=8+steps=100`.

Knows nothing of models.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sif.errors import UsageError
from sif.eval.triggers.textual_recipe import BUILT_IN as TEXTUAL
from sif.eval.triggers.textual_recipe import MethodRecipe, load_textual
from sif.fingerprint.recipe import BUILT_IN, ScheduleRecipe, load_recipe
from sif.visible import quoted
from sif.yaml_once import NoYamlError, read_yaml

FILES: Final = (".yaml", ".yml")
VALUE: Final = re.compile(r"[\w.-]{1,40}")
WHOLE: Final = re.compile(r"-?\d+", re.ASCII)
DECIMAL: Final = re.compile(r"-?(\d+\.?\d*|\.\d+)(e-?\d+)?", re.ASCII | re.IGNORECASE)
PLAIN: Final = re.compile(r"[^\W_][\w.-]{0,79}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A recipe under the name that tables and folders have for it.

    Attributes:
        name: of the recipe, with what was changed in it.
        recipe: as changed.
    """

    name: str
    recipe: MethodRecipe

    @classmethod
    def parse(cls, text: str, **usual: int | float | None) -> "Method":
        """Reads a recipe's name or file and, behind an @, changes to its schedule, joined by +.

        Args:
            text: such as `sif`, `mine.yaml` or `sif@epsilon=8+minimum_frequency=null`.
            usual: changes to the schedule of every method that the name does not show; none
                counts for nothing, and what the text says goes before.

        Raises:
            UsageError: no such recipe, no such field of a schedule, or a value that it cannot take.
        """
        file = Path(text).suffix in FILES
        recipe, at, tail = (text, "", "") if file else text.rpartition("@")
        recipe, tail = (recipe, tail) if at else (text, "")
        changes = _changes(text, tail) if at else {}
        given = {name: value for name, value in usual.items() if value is not None}
        found = _load(recipe, text, given, changes)
        return cls(name=_plain(Path(recipe).stem) + at + tail, recipe=found)


def parse_methods(texts: tuple[str, ...], **usual: int | float | None) -> tuple[Method, ...]:
    """All methods of a benchmark.

    Raises:
        UsageError: none, one that cannot be read, or two of one name.
    """
    methods = tuple(Method.parse(text, **usual) for text in texts)
    names = [method.name for method in methods]
    if not names:
        raise UsageError("expected at least one method, got none; sif is one")
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"expected methods of different names, got {name} twice")
    return methods


def _load(recipe: str, text: str, given: dict[str, Any], changes: dict[str, Any]) -> MethodRecipe:
    """A recipe of either world; what is said of all methods counts where it has such a field."""
    textual = load_textual(recipe, changes)
    if textual is not None:
        told = {name: value for name, value in given.items() if name in type(textual).model_fields}
        return load_textual(recipe, told | changes) or textual
    known = tuple(ScheduleRecipe.model_fields)
    for name in changes:
        if name not in known:
            raise UsageError(
                f"expected fields of a schedule ({', '.join(known)}) in {text!r}, got {name!r}"
            )
    if Path(recipe).suffix not in FILES and recipe not in BUILT_IN:
        every = ", ".join((*BUILT_IN, *TEXTUAL))
        raise UsageError(f"expected a recipe among {every} or a YAML file, got {recipe!r}")
    return load_recipe(recipe, **(given | changes))


def _plain(stem: str) -> str:
    """The name of a recipe's file, if it can stand in tables and be a folder's."""
    if not PLAIN.fullmatch(stem):
        raise UsageError(
            "expected a recipe's file to be named by up to 80 letters, digits, dots, dashes and "
            f"underscores, as tables and folders have its name, got {quoted(stem)}; rename it"
        )
    return stem


def _changes(text: str, tail: str) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for part in tail.split("+"):
        name, equals, value = part.partition("=")
        if not equals or not VALUE.fullmatch(value):
            raise UsageError(
                f"expected changes such as sif@epsilon=8+steps=100, got {text!r}; write "
                "field=value after the @, with + between them"
            )
        if name in changes:
            raise UsageError(f"expected each field once in {text!r}, got {name} again")
        changes[name] = _value(text, value)
    return changes


def _value(text: str, value: str) -> bool | int | float | None:
    """Numbers as people write them: YAML takes 1e-3 for a text, and 010 for eight."""
    if WHOLE.fullmatch(value):
        return int(value)
    if DECIMAL.fullmatch(value):
        return float(value)
    try:
        read = read_yaml(value)
    except NoYamlError:
        read = value
    if not isinstance(read, bool | int | float | None):
        raise UsageError(
            f"expected a number, true, false or null as a value in {text!r}, got {value!r}"
        )
    return read
