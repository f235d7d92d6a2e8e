"""Any Pillow image as upright 8-bit sRGB: orientation, levels, colour profile, transparency.

Transparent parts lie on white, so that colours which nobody sees do not come to light. What was
done beyond that, or could not be done, comes beside the picture in words. Knows nothing of files.
"""

import io
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from PIL import Image, ImageCms

from sif.pictures.levels import UnclearLevelsError, is_signed, levels_of

FAULTS: Final = (
    *(OSError, SyntaxError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError),
    *(AssertionError, RuntimeError, EOFError, MemoryError, Image.DecompressionBombError),
)
"""What Pillow and the libraries behind it raise at files that are damaged or made to harm."""

PROFILE_FAULTS: Final = (*FAULTS, ImageCms.PyCMSError)
BAND: Final = 1 << 20
"""Pixels that are brought over at once."""
LARGEST_PROFILE: Final = 1 << 24
ORIENTATION: Final = 274
SIGNED: Final = [2 * value for value in range(128)] + [0] * 128
"""Levels of bytes that are read as if they had no sign."""
TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SPACES: Final = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab"}
"""Mode of the colours, and what a profile for them calls their space."""

Convert = Callable[[Image.Image], Image.Image]


class Brought(NamedTuple):
    """A picture as upright RGB without anything beside its pixels, and remarks on how."""

    picture: Image.Image
    remarks: tuple[str, ...]


def to_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow image as upright sRGB; transparency lies on white.

    Raises:
        UnclearLevelsError: deep values of which nobody can say what is white.
    """
    return bring_to_rgb(image).picture


def bring_to_rgb(image: Image.Image) -> Brought:
    """The same, with remarks.

    Raises:
        UnclearLevelsError: deep values of which nobody can say what is white.
        Exception: one of `FAULTS`, where the image is still to be loaded and is damaged.
    """
    packed = _packed(image)
    image.load()
    method, remarks = _turn(image)
    if image.mode in ("L", "RGB") and is_signed(image):
        image = _with_info(image.point(SIGNED * len(image.getbands())), image)
        remarks.append("signed values of 8 bits, taken as 0 to 127")
    if image.mode.startswith("I") or image.mode == "F":
        levels, more = levels_of(image, packed)
        remarks += more
        clear = _clear_levels(image)
        image = _with_info(Image.fromarray(levels), image)
        if clear is not None:
            image.putalpha(Image.fromarray(clear))
    convert, more = _conversion(image, packed)
    remarks += more
    made = _in_bands(image, convert)
    return Brought(made if method is None else made.transpose(method), tuple(remarks))


def _packed(image: Image.Image) -> str:
    """How the file of an image that is not loaded yet holds its values, as Pillow names it."""
    tiles = getattr(image, "tile", None)
    options = tiles[0][3] if tiles and len(tiles[0]) > 3 else ""
    first = options[0] if isinstance(options, tuple) and options else options
    return first if isinstance(first, str) else ""


def _turn(image: Image.Image) -> tuple[Image.Transpose | None, list[str]]:
    """What turns a photograph upright; nothing where its EXIF is damaged."""
    try:
        return TURNS.get(image.getexif().get(ORIENTATION, 1)), []
    except FAULTS:
        return None, ["a damaged EXIF block, so that its orientation is not known"]


def _with_info(image: Image.Image, source: Image.Image) -> Image.Image:
    image.info = {key: value for key, value in source.info.items() if key == "icc_profile"}
    return image


def _clear_levels(image: Image.Image) -> Any:
    """Opacity where one deep value stands for transparency; None where none does."""
    value = image.info.get("transparency")
    if not isinstance(value, int):
        return None
    return np.where(np.asarray(image) == value, 0, 255).astype(np.uint8)


def _conversion(image: Image.Image, packed: str) -> tuple[Convert, list[str]]:
    """What makes RGB of a band of an image of at most 8 bits a channel."""
    mode = image.mode
    see_through = mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
    colours = "L" if mode in ("1", "L", "LA", "La") else mode if mode in ("CMYK", "LAB") else "RGB"
    profiled, remarks = _profile(image, colours)
    clear = _unscaled(image.info.get("transparency"), mode, packed)

    def plain(band: Image.Image) -> Image.Image:
        if profiled is None:
            return band if band.mode == "RGB" else band.convert("RGB")
        return profiled(band if band.mode == colours else band.convert(colours))

    def laid_on_white(band: Image.Image) -> Image.Image:
        if clear is not None:
            band.info["transparency"] = clear
        if band.mode in ("RGBa", "La"):
            band = band.convert(band.mode.upper())
        layer = band.convert("RGBA")
        if profiled is not None:
            opacity = layer.getchannel("A")
            layer = plain(layer).convert("RGBA")
            layer.putalpha(opacity)
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")

    return laid_on_white if see_through else plain, remarks


def _unscaled(clear: Any, mode: str, packed: str) -> Any:
    """The transparent value at the scale of the loaded pixels, where Pillow leaves the file's."""
    if mode == "RGB" and packed.startswith("RGB;16") and isinstance(clear, tuple):
        return tuple(value >> 8 for value in clear)
    if mode == "L" and packed in ("L;2", "L;4") and isinstance(clear, int):
        return clear * (85 if packed == "L;2" else 17)
    return clear


def _profile(image: Image.Image, colours: str) -> tuple[Convert | None, list[str]]:
    """The way to sRGB by a picture's own colour profile; None where it needs none."""
    data = image.info.get("icc_profile")
    if data is None:
        return (_to_srgb(ImageCms.createProfile("LAB"), "LAB") if colours == "LAB" else None), []
    try:
        if not isinstance(data, bytes) or len(data) > LARGEST_PROFILE:
            raise ValueError("too large")
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data)).profile
        if profile.xcolor_space.strip() != SPACES[colours]:
            raise ValueError("for other colours")
        if colours == "RGB" and "srgb" in (profile.profile_description or "").lower():
            return None, []
        return _to_srgb(profile, colours), []
    except PROFILE_FAULTS:
        way = _to_srgb(ImageCms.createProfile("LAB"), "LAB") if colours == "LAB" else None
        return way, ["a colour profile that cannot be used, and was not"]


def _to_srgb(profile: Any, colours: str) -> Convert:
    srgb = ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(profile, srgb, colours, "RGB")
    return lambda band: ImageCms.applyTransform(band, transform) or band


def _in_bands(image: Image.Image, convert: Convert) -> Image.Image:
    """What `convert` makes of a picture, some rows at once; it need not hold it twice over."""
    made = Image.new("RGB", image.size)
    rows = max(1, BAND // max(1, image.width))
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(top + rows, image.height))
        made.paste(convert(image.crop(box)), box)
    return made


__all__ = ["FAULTS", "Brought", "UnclearLevelsError", "bring_to_rgb", "to_rgb"]
