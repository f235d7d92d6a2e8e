"""Rosters of real models: a source, its copies and innocents as a YAML file.

The file says who is asked and what is known of everybody; reading it downloads and loads nothing.
Splits stand in it before any figure is seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal

from filelock import FileLock
from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from sif import prompts
from sif.attacks.images import parse_image_attack
from sif.errors import UsageError
from sif.eval import rosters
from sif.eval.triggers.roster import Role, Roster, Split, Usual, named
from sif.mini.world import Scene
from sif.pictures.folder import NamedImage, read_images
from sif.recipe_file import read_built_in
from sif.scale.crew import Show
from sif.suspects.late import LateSuspect, late
from sif.suspects.uri import SuspectAddress
from sif.validation import Numeric, first_fault
from sif.watermark.keys import KeyRing
from sif.yaml_once import NoYamlError, read_yaml

BUILT_IN: Final = ("llava-1.5-7b", "qwen2.5-vl-7b")
KEYS: Final = "secret.key"
BATCH_SIZE: Final = 8


class _Part(Numeric):
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


class RealSuspect(Weights):
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


class RosterFile(_Part):
    """Everything that is known of one source model and its suspects.

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
    suspects: tuple[RealSuspect, ...] = Field(min_length=1)

    @field_validator("image_attacks")
    @classmethod
    def _are_attacks(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_understood(value, parse_image_attack) for value in values)

    @model_validator(mode="after")
    def _names_everybody_once(self) -> "RosterFile":
        names = [listed.name for listed in self.suspects]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"expected every name once, got {twice[0]!r} twice")
        sources = [listed.name for listed in self.suspects if listed.role == "source"]
        if len(sources) != 1:
            raise ValueError(f"expected one suspect with the role source, got {len(sources)}")
        return self


@dataclass(frozen=True, kw_only=True)
class RealRoster(Roster):
    """The roster of a file, with a folder of base images; baselines cannot take part."""

    suspects: tuple[RealSuspect, ...]
    file: RosterFile
    images: Path | None

    def source(self, out: Path, show: Show) -> str:
        """Folder or hub id, as the file says."""
        return self.file.source.model

    def pictures(self, count: int, seed: int) -> tuple[NamedImage, ...]:
        """All of the folder, whatever is asked for."""
        if self.images is None:
            raise UsageError(f"expected --set images=FOLDER with {self.file.images}, got none")
        return tuple(read_images(self.images))

    def scenes(self, count: int, seed: int) -> dict[str, Scene]:
        """Nobody knows what photographs show."""
        return {}

    def keys(self, out: Path, seed: int) -> KeyRing:
        """Fresh ones, kept in a file for each set."""
        path = self._key_file(out, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.parent / f".{path.name}.lock"):  # two jobs may need them first
            if path.exists():
                return KeyRing.load(path)
            keys = KeyRing.generate()
            keys.save(path)
        return keys

    def require_keys(self, out: Path, seeds: Sequence[int]) -> None:
        """Makes sure that the key files are there, which all shares must be given."""
        for seed in seeds:
            path = self._key_file(out, seed)
            if not path.exists():
                raise UsageError(
                    f"--shard: expected in {path} a key file, the same for all shares, got none; "
                    'make one with sif claim secret, or with python -c "import sif; '
                    "sif.KeyRing.generate().save('my.key')\", and copy it to every share"
                )

    def _key_file(self, out: Path, seed: int) -> Path:
        return self.folder(out) / (KEYS if seed == 0 else f"secret-{seed}.key")

    def late(self, name: str, out: Path, show: Show) -> LateSuspect:
        """A suspect, under the name that it has once it is loaded."""
        (one,) = named(self.suspects, (name,))
        return late(one.suspect)


def real_roster(name: str | Path | RosterFile, images: Path | None = None) -> RealRoster:
    """A roster, by name or file where it is not read yet, with a folder of base images.

    Raises:
        UsageError: no such roster, a file that is not one, or one with unknown prompts.
    """
    file = name if isinstance(name, RosterFile) else load_roster(name)
    try:
        questions = tuple(prompts.load(file.prompts))
    except ValueError as error:
        raise UsageError(f"roster {file.name}: prompts: {error}") from error
    usual = Usual(
        methods=file.methods,
        triggers=file.triggers,
        seeds=1,
        image_attacks=file.image_attacks,
        batch_size=BATCH_SIZE,
    )
    return RealRoster(
        name=file.name,
        suspects=file.suspects,
        usual=usual,
        prompts=questions,
        file=file,
        images=images,
    )


def load_roster(name: str | Path) -> RosterFile:
    """A built-in roster by name, or one from a YAML file.

    Raises:
        UsageError: no such roster, or a file that is not one; one line.
    """
    try:
        return RosterFile.model_validate(read_yaml(_text(name)))
    except NoYamlError as error:
        raise UsageError(f"expected a roster in YAML, got {name}: {error}") from error
    except ValidationError as error:
        where, what, got = first_fault(error)
        shown = "" if isinstance(got, dict | RosterFile) else f", got {got!r}"
        reason = what.removeprefix("value error, ")
        raise UsageError(f"roster {name}: {where or 'roster'}: {reason}{shown}") from error


def _text(name: str | Path) -> str:
    folder = resources.files(rosters)
    return read_built_in(name, built_in=BUILT_IN, folder=folder, noun="roster")


def _understood(value: str, parse: Any) -> str:
    """The value, if `parse` takes it; its complaint as pydantic wants complaints."""
    try:
        parse(value)
    except UsageError as error:
        raise ValueError(str(error)) from error
    return value
