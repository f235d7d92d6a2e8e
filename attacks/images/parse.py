"""Reads attacks as they are typed: `jpeg:75`, `none`, `resize:0.5+jpeg:75`.

The one place that knows every attack by name.
"""

from typing import Final

from sif.attacks.images.attack import ImageAttack
from sif.attacks.images.bits import BITS, Bits
from sif.attacks.images.blur import RADIUS, Blur
from sif.attacks.images.chain import in_order
from sif.attacks.images.crop import SHARE, Crop
from sif.attacks.images.jpeg import QUALITY, Jpeg
from sif.attacks.images.noise import DEVIATION, Noise
from sif.attacks.images.nothing import Nothing
from sif.attacks.images.resize import FACTOR, Resize
from sif.errors import UsageError

NAMES: Final = (*(s.attack for s in (QUALITY, FACTOR, DEVIATION, RADIUS, SHARE, BITS)), "none")
_SHOWN: Final = 40


def parse_image_attack(text: str) -> ImageAttack:
    """The attack that a text stands for; `str` of it gives the text in its shortest form.

    Args:
        text: `name:number`, `none`, or several of these with `+` between them, in the order in
            which they happen. `none` in a chain is left out.

    Raises:
        UsageError: an unknown name, a number that is missing, out of range or none at all.
    """
    return in_order([_parse_one(part.strip()) for part in text.split("+")])


def _parse_one(text: str) -> ImageAttack:
    name, colon, number = text.partition(":")
    match name:
        case "jpeg":
            return Jpeg(quality=int(QUALITY.read(number)))
        case "resize":
            return Resize(factor=FACTOR.read(number))
        case "noise":
            return Noise(deviation=DEVIATION.read(number))
        case "blur":
            return Blur(radius=RADIUS.read(number))
        case "crop":
            return Crop(share=SHARE.read(number))
        case "bits":
            return Bits(bits=int(BITS.read(number)))
        case "none" if not colon:
            return Nothing()
        case "none":
            raise UsageError(f"none takes no number, got {_shown(text)}; write none")
        case _:
            raise UsageError(
                f"expected an image attack ({', '.join(NAMES)}), got {_shown(text)}; write for "
                f"example {QUALITY.example} or {FACTOR.example}+{QUALITY.example}"
            )


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
