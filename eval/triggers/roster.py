"""Who takes part in a study of triggers: a source, its copies and innocents, by role and split.

A roster is data, of the mini models (`mini_roster`) or of real ones (`real_roster`); the engine
knows only what stands here. The split says who was looked at while recipes were chosen.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar, runtime_checkable

from sif.errors import UsageError
from sif.mini.world import Scene
from sif.pictures.folder import NamedImage
from sif.prompts import Pair
from sif.scale.crew import Show
from sif.suspects.late import LateSuspect
from sif.watermark.keys import KeyRing

Role = Literal["source", "copy", "innocent"]
Split = Literal["tuning", "held out"]


@runtime_checkable
class Listed(Protocol):
    """One suspect of a roster."""

    @property
    def name(self) -> str:
        """In tables and files."""

    @property
    def suspect(self) -> str:
        """Its address, or the bundled model that it is or was stolen from."""

    @property
    def role(self) -> Role:
        """What it is to the source."""

    @property
    def split(self) -> Split:
        """Whether recipes may be chosen by what it answers."""

    @property
    def note(self) -> str:
        """How it was made, as far as that is known."""

    @property
    def set_aside(self) -> str | None:
        """Why it is listed but not asked; none for those who are."""


L = TypeVar("L", bound=Listed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What a roster does where nothing else is said.

    Attributes:
        methods: recipes, by name or file.
        triggers: for each method and set of keys.
        seeds: sets of keys.
        image_attacks: in their text form.
        batch_size: triggers optimised together, where the method allows it.
    """

    methods: tuple[str, ...]
    triggers: int
    seeds: int
    image_attacks: tuple[str, ...]
    batch_size: int


@dataclass(frozen=True, kw_only=True)
class Roster(ABC):
    """A source, its copies and innocents, with the pictures that triggers are made of.

    Attributes:
        name: in tables and of its folder.
        suspects: everybody, exactly one of them the source itself.
        usual: what it does where nothing else is said.
        prompts: plain questions, taken in turn.
        pairs: questions and wanted answers for baselines; nothing where they cannot take part.
        chunk: questions that are asked and kept at once.
        dtype: precision that triggers are made in; auto is that of the device.
    """

    name: str
    suspects: tuple[Listed, ...]
    usual: Usual
    prompts: tuple[str, ...]
    pairs: tuple[Pair, ...] = ()
    chunk: int = 32
    dtype: str = "auto"

    @abstractmethod
    def source(self, out: Path, show: Show) -> str:
        """Folder or id of the source, on which triggers are made; there afterwards."""

    @abstractmethod
    def pictures(self, count: int, seed: int) -> Sequence[NamedImage]:
        """Base images for so many triggers, and more to learn from what pictures hold.

        Raises:
            UsageError: there are none.
        """

    @abstractmethod
    def scenes(self, count: int, seed: int) -> Mapping[str, Scene]:
        """What the pictures show, by their names; nothing where nobody knows."""

    @abstractmethod
    def keys(self, out: Path, seed: int) -> KeyRing:
        """One set of keys, the same for all methods."""

    @abstractmethod
    def late(self, name: str, out: Path, show: Show) -> LateSuspect:
        """A suspect by its name, made and loaded when it is first asked.

        Raises:
            UsageError, ModelError: it cannot be had.
        """

    def marked(self, name: str) -> "Roster":
        """The same roster where the source is a model that a method made of it, under that name.

        The source of a marked roster lies where `source` says, put there by the method; copies are
        made from it, and innocents are as they are.

        Raises:
            UsageError: its copies were not made here, so that they cannot be made anew.
        """
        raise UsageError(
            f"expected models whose copies are made here, got {self.name}: a method that changes "
            "the weights needs copies of the changed model; use the mini models"
        )

    def weights(self, name: str, out: Path, show: Show) -> str:
        """Folder of a suspect whose weights are at hand.

        Raises:
            UsageError: they are not.
        """
        raise UsageError(
            f"expected suspects whose weights are made here, got {name} of {self.name}; leave "
            "reference out"
        )

    def prepare(self, names: Sequence[str], out: Path, show: Show) -> None:  # noqa: B027
        """Puts there what several suspects need, so that no two processes make it."""

    def require_keys(self, out: Path, seeds: Sequence[int]) -> None:  # noqa: B027
        """Makes sure that shares, each with a folder of its own, will have the same keys.

        Raises:
            UsageError: each would draw its own.
        """

    def folder(self, out: Path) -> Path:
        """Of everything that is made and answered, in a study's folder."""
        return out / self.name


def named(suspects: Sequence[L], names: Sequence[str] | None) -> tuple[L, ...]:
    """Those of some suspects that are named, in their order; all where None.

    Raises:
        UsageError: a name that is not there.
    """
    known = [one.name for one in suspects]
    for name in names or ():
        if name not in known:
            raise UsageError(f"expected suspects among {', '.join(known)}, got {name!r}")
    return tuple(one for one in suspects if names is None or one.name in names)
