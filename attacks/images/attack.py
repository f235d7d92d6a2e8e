"""What every attack on pictures is: a frozen value with one method from a picture to a picture.

Knows nothing of single attacks.
"""

from abc import ABC, abstractmethod

from PIL import Image


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
