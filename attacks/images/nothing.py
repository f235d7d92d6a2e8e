"""No attack: the picture as it is."""

from dataclasses import dataclass

from PIL import Image

from sif.attacks.chain import Idle
from sif.attacks.images.attack import ImageAttack


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing(Idle, ImageAttack):
    """Leaves every pixel as it is; the row to compare others with."""

    def __str__(self) -> str:
        return "none"

    def _attacked(self, picture: Image.Image) -> Image.Image:
        return picture
