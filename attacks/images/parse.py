"""Reads attacks as they are typed: `jpeg:75`, `none`, `resize:0.5+jpeg:75`.

The one place that knows every attack by name.
"""

from collections.abc import Callable
from typing import Final

from sif.attacks.images.attack import ImageAttack
from sif.attacks.images.bits import BITS, Bits
from sif.attacks.images.blur import RADIUS, Blur
from sif.attacks.images.brightness import BRIGHTNESS, Brightness
from sif.attacks.images.chain import in_order
from sif.attacks.images.contrast import CONTRAST, Contrast
from sif.attacks.images.crop import SHARE, Crop
from sif.attacks.images.crop_pad import FRAME, CropPad
from sif.attacks.images.gamma import EXPONENT, Gamma
from sif.attacks.images.jpeg import QUALITY, Jpeg
from sif.attacks.images.median import REACH, Median
from sif.attacks.images.noise import DEVIATION, Noise
from sif.attacks.images.nothing import Nothing
from sif.attacks.images.purify import REMOVED, Purify
from sif.attacks.images.purify_learned import TAKEN_OUT, read_purify_learned
from sif.attacks.images.resize import FACTOR, Resize
from sif.attacks.images.rotate import ANGLE, Rotate
from sif.attacks.images.salt_pepper import SPECKS, SaltPepper
from sif.attacks.images.screenshot import SCALE, Screenshot
from sif.attacks.images.webp import WEBP_QUALITY, Webp
from sif.attacks.strength import Strength
from sif.errors import UsageError

Kind = tuple[Strength, Callable[[float], ImageAttack]]

KINDS: Final[tuple[Kind, ...]] = (
    (QUALITY, lambda number: Jpeg(quality=int(number))),
    (WEBP_QUALITY, lambda number: Webp(quality=int(number))),
    (FACTOR, lambda number: Resize(factor=number)),
    (SCALE, lambda number: Screenshot(scale=number)),
    (SHARE, lambda number: Crop(share=number)),
    (FRAME, lambda number: CropPad(share=number)),
    (ANGLE, lambda number: Rotate(angle=number)),
    (DEVIATION, lambda number: Noise(deviation=number)),
    (SPECKS, lambda number: SaltPepper(share=number)),
    (RADIUS, lambda number: Blur(radius=number)),
    (REACH, lambda number: Median(radius=int(number))),
    (BITS, lambda number: Bits(bits=int(number))),
    (BRIGHTNESS, lambda number: Brightness(factor=number)),
    (CONTRAST, lambda number: Contrast(factor=number)),
    (EXPONENT, lambda number: Gamma(exponent=number)),
    (REMOVED, lambda number: Purify(deviation=number)),
)
NAMES: Final = (*(strength.attack for strength, _ in KINDS), TAKEN_OUT.attack, "none")
_SHOWN: Final = 40


def parse_image_attack(text: str) -> ImageAttack:
    """The attack that a text stands for; `str` of it gives the text in its shortest form.

    Args:
        text: `name:number`, `purify-learned:number@weights`, `none`, or several of these with `+`
            between them, in the order in which they happen. `none` in a chain is left out.

    Raises:
        UsageError: an unknown name, a number that is missing, out of range or none at all.
    """
    return in_order([_parse_one(part.strip()) for part in text.split("+")])


def _parse_one(text: str) -> ImageAttack:
    name, colon, number = text.partition(":")
    if name == "none":
        if colon:
            raise UsageError(f"none takes no number, got {_shown(text)}; write none")
        return Nothing()
    if name == TAKEN_OUT.attack:
        return read_purify_learned(number)
    for strength, make in KINDS:
        if name == strength.attack:
            return make(strength.read(number))
    raise UsageError(
        f"expected an image attack ({', '.join(NAMES)}), got {_shown(text)}; write for "
        f"example {QUALITY.example} or {FACTOR.example}+{QUALITY.example}"
    )


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
