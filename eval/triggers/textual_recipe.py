"""Recipes of the methods whose triggers are words: ProFLingo and Instructional Fingerprinting.

They belong to the benchmark alone: no fingerprint holds such triggers and no verdict rests on them.
Knows nothing of how they are made.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, RootModel

from sif.errors import UsageError
from sif.fingerprint.recipe import Recipe
from sif.plain_files import read_text_file
from sif.recipe_file import read_recipe
from sif.validation import Numeric
from sif.yaml_once import NoYamlError, read_yaml

BUILT_IN: Final = ("proflingo", "instructional")


class _Part(Numeric):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_version: Literal[1] = 1
    name: str
    description: str = ""


class PrefixRecipe(_Part):
    """ProFLingo; the fields are those of `sif.eval.triggers.prefix_search.Search`.

    Attributes:
        tokens: length of the prefix.
        steps: epochs of the search, each with one gradient.
        candidates: tokens at each position that the gradient likes best.
        swaps: exact losses in each step.
        changed: words of the model's own answer that the wanted one has otherwise; none for the
            wanted answers of the image methods, which differ in nearly all.
    """

    kind: Literal["text_prefix"] = "text_prefix"
    tokens: int = Field(default=32, ge=1, le=512)
    steps: int = Field(default=64, ge=1)
    candidates: int = Field(default=64, ge=1)
    swaps: int = Field(default=32, ge=1)
    changed: int | None = Field(default=1, ge=1, le=5)


class PairsRecipe(_Part):
    """Instructional Fingerprinting by LoRA.

    Attributes:
        pairs: that are taught; as many can be asked at most.
        epochs: passes over all pairs.
        rate: peak learning rate.
        rank, alpha: of the adapter.
        layers: of the language model that it stands beside, by the ends of their names.
        batch: pairs in an update.
    """

    kind: Literal["secret_pairs"] = "secret_pairs"
    pairs: int = Field(default=10, ge=1, le=1000)
    epochs: int = Field(default=20, ge=1)
    rate: float = Field(default=1e-3, gt=0)
    rank: int = Field(default=16, ge=1, le=4096)
    alpha: float = Field(default=32.0, gt=0)
    layers: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=("q_proj", "v_proj"), min_length=1
    )
    batch: int = Field(default=1, ge=1)


TextualRecipe = PrefixRecipe | PairsRecipe
MethodRecipe = Recipe | TextualRecipe
KINDS: Final = ("text_prefix", "secret_pairs")


class _Either(RootModel[Annotated[TextualRecipe, Field(discriminator="kind")]]):
    pass


def is_textual(recipe: MethodRecipe) -> bool:
    """Whether its triggers are words, whatever the picture."""
    return isinstance(recipe, PrefixRecipe | PairsRecipe)


def triggers_of(recipe: MethodRecipe, count: int) -> int:
    """Triggers that a method has where so many are asked for: no more than pairs are taught."""
    return min(count, recipe.pairs) if isinstance(recipe, PairsRecipe) else count


def load_textual(name: str | Path, changes: Mapping[str, Any]) -> TextualRecipe | None:
    """A textual recipe, built in or of a YAML file with a `kind` of its own; none if it is another.

    Args:
        name: of a recipe, or a path that ends in .yaml.
        changes: fields to replace; those that such a recipe does not have are refused.

    Raises:
        UsageError: a field that it does not have, a value that it cannot take, or a faulty file.
    """
    kind = _kind_of(name)
    if kind is None:
        return None
    fields = (PrefixRecipe if kind == "text_prefix" else PairsRecipe).model_fields
    known = tuple(field for field in fields if field not in FIXED)
    for field in changes:
        if field not in known:
            raise UsageError(f"expected fields of {name} ({', '.join(known)}), got {field!r}")

    def change(content: dict[str, Any]) -> None:
        content |= changes

    found = read_recipe(
        _Either, name, built_in=BUILT_IN, package="sif.eval.triggers", change=change
    )
    return found.root


FIXED: Final = ("schema_version", "name", "description", "kind", "layers")


def _kind_of(name: str | Path) -> str | None:
    """The kind of textual recipe that a name means; none where it means none."""
    if str(name) in BUILT_IN:
        return KINDS[BUILT_IN.index(str(name))]
    path = Path(name)
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        return None
    try:
        content = read_yaml(read_text_file(path))
    except (OSError, UnicodeDecodeError, NoYamlError):
        return None  # whoever reads it as an image method's recipe says what is wrong
    kind = content.get("kind") if isinstance(content, dict) else None
    return kind if isinstance(kind, str) and kind in KINDS else None
