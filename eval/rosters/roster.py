"""Rosters: a source model, its copies and innocents as a YAML file, for benchmarks of real models.

The file says who is asked and what is known of everybody; it downloads and loads nothing. Splits
stand in it before any figure is seen.
"""

from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sif.attacks.images import parse_image_attack
from sif.errors import UsageError
from sif.eval.triggers.roster import Role, Split
from sif.recipe_file import read_built_in
from sif.suspects.uri import SuspectAddress

BUILT_IN: Final = ("llava-1.5-7b", "qwen2.5-vl-7b")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Weights(_Part):
    """What is known of a model's weights without having them.

    Attributes:
        parameters: their number; none where unknown.
        disk_gb: of a download, in 10⁹ bytes; none where unknown.
    """

    parameters: int | None = Field(default=None, ge=1)
    disk_gb: float | None = Field(default=None, gt=0)


class SourceModel(Weights):
    """The owner's model, on which triggers are made.

    Attributes:
        model: folder or hub id.
    """

    model: str = Field(min_length=1)


class Listed(Weights):
    """One suspect.

    Attributes:
        name: in tables and files.
        suspect: its address, as `sif verify` takes it.
        role: what it is to the source.
        split: whether recipes may be chosen by what it answers.
        note: how it was made, as far as that is known.
        set_aside: why it is listed but not asked; none for those who are.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    suspect: str
    role: Role
    split: Split
    note: str = ""
    set_aside: str | None = Field(default=None, min_length=1)

    @field_validator("suspect")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return _understood(value, SuspectAddress.parse)

    @property
    def address(self) -> SuspectAddress:
        """The suspect's address, parsed."""
        return SuspectAddress.parse(self.suspect)


class Roster(_Part):
    """Everything that a benchmark of one source model needs to know.

    Attributes:
        name: of the benchmark, in its tables.
        description: for people.
        source: the model that triggers are made on.
        images: how to get base images.
        prompts: prompt set, asked in turn.
        triggers: for each method.
        methods: recipes, by name or file.
        image_attacks: in their text form.
        suspects: everybody, exactly one of them the source itself.
    """

    schema_version: Literal[1] = 1
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    description: str = ""
    source: SourceModel
    images: str = Field(min_length=1)
    prompts: str = "ordinary"
    triggers: int = Field(default=30, ge=2)
    methods: tuple[str, ...] = Field(default=("sif", "sif-release"), min_length=1)
    image_attacks: tuple[str, ...] = Field(default=("none",), min_length=1)
    suspects: tuple[Listed, ...] = Field(min_length=1)

    @field_validator("image_attacks")
    @classmethod
    def _are_attacks(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_understood(value, parse_image_attack) for value in values)

    @model_validator(mode="after")
    def _names_everybody_once(self) -> "Roster":
        names = [listed.name for listed in self.suspects]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"expected every name once, got {twice[0]!r} twice")
        sources = [listed.name for listed in self.suspects if listed.role == "source"]
        if len(sources) != 1:
            raise ValueError(f"expected one suspect with the role source, got {len(sources)}")
        return self

    def chosen(self, names: tuple[str, ...] | None) -> tuple[Listed, ...]:
        """Those of the suspects that are named, all where None.

        Raises:
            UsageError: a name that the roster does not have.
        """
        if names is None:
            return self.suspects
        known = [listed.name for listed in self.suspects]
        for name in names:
            if name not in known:
                raise UsageError(f"expected suspects among {', '.join(known)}, got {name!r}")
        return tuple(listed for listed in self.suspects if listed.name in names)


def load_roster(name: str | Path) -> Roster:
    """A built-in roster by name, or one from a YAML file.

    Raises:
        UsageError: no such roster, or a file that is not one; one line.
    """
    try:
        return Roster.model_validate(yaml.safe_load(_text(name)))
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"expected a roster in YAML, got {name}: {reason}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "roster"
        reason = first["msg"].removeprefix("Value error, ")
        got = "" if isinstance(first["input"], dict | Roster) else f", got {first['input']!r}"
        raise UsageError(f"roster {name}: {where}: {reason}{got}") from error


def _text(name: str | Path) -> str:
    folder = resources.files(__package__)
    return read_built_in(name, built_in=BUILT_IN, folder=folder, noun="roster")


def _understood(value: str, parse: Any) -> str:
    """The value, if `parse` takes it; its complaint as pydantic wants complaints."""
    try:
        parse(value)
    except UsageError as error:
        raise ValueError(str(error)) from error
    return value
