"""The one number that an attack takes: its name, its range, and how it is read and written.

Knows nothing of pictures or words.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import ClassVar, TypeVar

from sif.errors import UsageError
from sif.visible import quoted

_WHOLE = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE]-?[0-9]+)?")
_SHOWN = 24

G = TypeVar("G", bound="Graded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """How strong an attack may be.

    Attributes:
        attack: the attack's name in its text form.
        noun: what the number is.
        low: smallest value, allowed itself.
        high: largest value, allowed itself.
        whole: whole numbers only.
        example: an attack as one would write it.
    """

    attack: str
    noun: str
    low: int | float
    high: int | float
    whole: bool = False
    example: str

    def check(self, number: int | float) -> None:
        """Refuses what is not in the range.

        Raises:
            UsageError: out of range, not a number, or not whole where it must be.
        """
        if not self.low <= number <= self.high or (self.whole and number != int(number)):
            raise self._unusable(str(number))

    def read(self, text: str) -> int | float:
        """The number that was written behind the attack's name.

        Raises:
            UsageError: nothing there, no number, or out of range.
        """
        if not text:
            raise UsageError(
                f"{self.attack} needs its {self.noun}, {self._range()}; "
                f"write for example {self.example}"
            )
        if not (_WHOLE if self.whole else _DECIMAL).fullmatch(text):
            raise self._unusable(text)
        number = float(text)
        if not self.low <= number <= self.high:
            raise self._unusable(text)
        return int(number) if self.whole else number

    def text(self, number: int | float) -> str:
        """The attack's text form: `noise:4` for 4 and 4.0, and every digit of other numbers."""
        digits = str(int(number)) if number == int(number) else repr(float(number))
        return f"{self.attack}:{digits}"

    def _unusable(self, text: str) -> UsageError:
        return UsageError(
            f"expected as the {self.noun} of {self.attack} {self._range()}, "
            f"got {quoted(text, longest=_SHOWN)}; write for example {self.example}"
        )

    def _range(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} from {self.low} to {self.high}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """An attack whose first field is its strength; a family mixes this in before its own base.

    Raises:
        UsageError: the strength is out of range.
    """

    strength: ClassVar[Strength]

    def __post_init__(self) -> None:
        self.strength.check(self._number)

    def __str__(self) -> str:
        return self.strength.text(self._number)

    @classmethod
    def read(cls: type[G], text: str) -> G:
        """The attack of the strength that was written behind its name.

        Raises:
            UsageError: nothing there, no number, or out of range.
        """
        made: Callable[..., G] = cls
        return made(**{fields(cls)[0].name: cls.strength.read(text)})

    @property
    def _number(self) -> int | float:
        number: int | float = getattr(self, fields(self)[0].name)
        return number
