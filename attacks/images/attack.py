"""What every attack on pictures is, no attack, and several one after the other.

An attack is a frozen value with one method from a picture to a picture. Knows no single attacks.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image

from sif.attacks.chain import Idle, Steps, one_of


class ImageAttack(ABC):
    """One attack. `str(attack)` is its text form, which `parse_image_attack` reads back."""

    __slots__ = ()

    def apply(self, image: Image.Image) -> Image.Image:
        """The attacked picture: a new 8-bit RGB image of the same extent.

        Args:
            image: 8-bit RGB, of any extent; other modes are converted to RGB first. Not changed.
        """
        return self._attacked(image.convert("RGB"))

    @abstractmethod
    def __str__(self) -> str:
        """The text form, for example `jpeg:75`."""

    @abstractmethod
    def _attacked(self, picture: Image.Image) -> Image.Image:
        """The attack itself, RGB to RGB of the same extent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing(Idle, ImageAttack):
    """Leaves every pixel as it is; the row to compare others with."""

    def _attacked(self, picture: Image.Image) -> Image.Image:
        return picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain(Steps[ImageAttack], ImageAttack):
    """Two or more attacks, each on what the one before it left; `in_order` builds it."""

    def _attacked(self, picture: Image.Image) -> Image.Image:
        for step in self.steps:
            picture = step.apply(picture)
        return picture


def in_order(attacks: Iterable[ImageAttack]) -> ImageAttack:
    """One attack out of any number: chains are opened up, and what does nothing is left out."""
    return one_of(attacks, none=Nothing(), chain=lambda steps: Chain(steps=steps))
