"""What every attack on weights is: hyper-parameters, and one method that changes a model in place.

Knows nothing of single attacks, of folders or of the command line.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sif.errors import UsageError
from sif.validation import first_fault

Device = Literal["auto", "cpu", "cuda"]
# Of JSON values; provenance holds them to it. beartype loses pydantic's recursive type for them.
Facts = dict[str, Any]
Settings = TypeVar("Settings", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What an attack tells its caller: the stage, the step out of `steps`, a training's loss."""

    stage: str
    step: int
    steps: int
    loss: float | None = None


Report = Callable[[Progress], None]


def ignore(progress: Progress) -> None:
    """Listens to no progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """Where an attack works.

    Attributes:
        scratch: a folder for half-done work; what is in it after a kill is found again.
        device: where to compute; "auto" takes the GPU where there is one.
        report: called after every step.
    """

    scratch: Path
    device: Device = "auto"
    report: Report = ignore


class WeightAttack(BaseModel, ABC):
    """Hyper-parameters of one attack; `apply` carries it out on a model's weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str]

    @abstractmethod
    def apply(self, model: Any, processor: Any, bench: Workbench) -> Facts:
        """Changes the model in place; returns what is worth writing down about it."""


def checked(kind: type[Settings], **values: Any) -> Settings:
    """Builds settings from what a user typed.

    Raises:
        UsageError: a value is out of its range; names the first one.
    """
    try:
        return kind(**values)
    except ValidationError as error:
        where, what, got = first_fault(error)
        raise UsageError(f"{where.replace('_', '-')}: {what}, got {got!r}") from error


def choose_device(device: Device) -> str:
    """The device that "auto" stands for on this machine.

    Raises:
        UsageError: a GPU was asked for and there is none.
    """
    import torch

    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise UsageError("expected a CUDA device, found none; use --device cpu")
    return "cpu" if device == "cpu" or not available else "cuda"
