"""Reads attacks as they are typed: `jpeg:75`, `none`, `resize:0.5+jpeg:75`.

The one place that knows every attack by name.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from sif.attacks.images.attack import ImageAttack, Nothing, in_order
from sif.attacks.images.blur import Blur, Median
from sif.attacks.images.codecs import Jpeg, Webp
from sif.attacks.images.geometry import Crop, CropPad, Resize, Rotate, Screenshot
from sif.attacks.images.noise import Noise, SaltPepper
from sif.attacks.images.purify import Purify, PurifyLearned
from sif.attacks.images.tones import Bits, Brightness, Contrast, Gamma
from sif.errors import UsageError
from sif.visible import quoted

READERS: Final[Mapping[str, Callable[[str], ImageAttack]]] = MappingProxyType(
    {
        "jpeg": Jpeg.read,
        "webp": Webp.read,
        "resize": Resize.read,
        "screenshot": Screenshot.read,
        "crop": Crop.read,
        "crop-pad": CropPad.read,
        "rotate": Rotate.read,
        "noise": Noise.read,
        "salt-pepper": SaltPepper.read,
        "blur": Blur.read,
        "median": Median.read,
        "bits": Bits.read,
        "brightness": Brightness.read,
        "contrast": Contrast.read,
        "gamma": Gamma.read,
        "purify": Purify.read,
        "purify-learned": PurifyLearned.read,
    }
)
NAMES: Final = (*READERS, "none")


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
    if name in READERS:
        return READERS[name](number)
    if name == "none" and not colon:
        return Nothing()
    if name == "none":
        raise UsageError(f"none takes no number, got {quoted(text, longest=40)}; write none")
    raise UsageError(
        f"expected an image attack ({', '.join(NAMES)}), got {quoted(text, longest=40)}; "
        f"write for example {Jpeg.strength.example} or "
        f"{Resize.strength.example}+{Jpeg.strength.example}"
    )
