"""Reading recipes: built-in ones by name, others from YAML files. Knows no recipe's fields."""

from collections.abc import Callable, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sif.errors import UsageError
from sif.files import is_there
from sif.plain_files import read_text_file
from sif.validation import first_fault
from sif.visible import visible
from sif.yaml_once import NoYamlError, read_yaml

R = TypeVar("R", bound=BaseModel)


def read_recipe(
    kind: type[R],
    name: str | Path,
    *,
    built_in: Sequence[str],
    package: str,
    change: Callable[[dict[str, Any]], None],
) -> R:
    """A recipe by name or file.

    Args:
        kind: the model that it must be.
        name: one of `built_in`, or a path that ends in .yaml.
        built_in: names of the files in `recipes/` of the package.
        package: that brings them.
        change: replaces fields of what was read, before it is checked.

    Raises:
        UsageError: no such recipe, or a file that is not one.
    """
    folder = resources.files(package).joinpath("recipes")
    text = read_built_in(name, built_in=built_in, folder=folder, noun="recipe")
    try:
        content = read_yaml(text)
        if not isinstance(content, dict):
            raise UsageError(
                f"expected a recipe in YAML, fields with values, got {name} with "
                f"{'nothing in it' if content is None else _excerpt(content)}; copy a built-in one"
            )
        change(content)
        return kind.model_validate(content)
    except NoYamlError as error:
        raise UsageError(f"expected a recipe in YAML, got {name}: {error}") from error
    except ValidationError as error:
        where, what, got = first_fault(error)
        place = f"recipe {name}: {where}" if where else f"recipe {name}"
        raise UsageError(f"{place}: {what}, got {_excerpt(got)}; correct the recipe") from error


def read_built_in(
    name: str | Path, *, built_in: Sequence[str], folder: Traversable, noun: str
) -> str:
    """The text of a YAML file that comes with SIF, by name, or of another by path.

    Args:
        name: one of `built_in`, or a path that ends in .yaml.
        built_in: names of files in `folder`.
        folder: of the package that brings them.
        noun: what it is, for the complaint.

    Raises:
        UsageError: neither, or a file that cannot be read.
    """
    if str(name) in built_in:
        return folder.joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    path = Path(name)
    if path.suffix in (".yaml", ".yml") and not is_there(path):
        raise UsageError(
            f"expected a {noun} in YAML, got {str(name)!r}, a file that does not exist; name one "
            f"that does, or one of {', '.join(built_in)}"
        )
    if path.suffix not in (".yaml", ".yml"):
        raise UsageError(
            f"expected a {noun} among {', '.join(built_in)} or a YAML file, got {str(name)!r}"
        )
    try:
        return read_text_file(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"expected a {noun} in YAML, got {name}: {error}") from error


def _excerpt(value: Any) -> str:
    """A value of a stranger's file, printable and no longer than a line."""
    return visible(repr(value), longest=100)
