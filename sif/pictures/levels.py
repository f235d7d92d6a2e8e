"""More than 256 levels to 256: by the type of the values, or by a rule where that says little.

16 bits keep their upper 8. Integers of 32 bits and floats are looked at: their range is the
smallest usual one that holds all but the outermost thousandth of the values, so that no hot pixel
decides. Knows nothing of files.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from jaxtyping import Shaped, UInt8
from PIL import Image

Values = Shaped[np.ndarray, "height width"]
Levels = UInt8[np.ndarray, "height width"]

MOST_SAMPLES: Final = 1 << 20
OUTERMOST: Final = 1000
"""One in so many values, at either end, has no say in the range."""
LITTLE_OVER: Final = 1.5
SURELY_LEVELS: Final = 16.0
"""Floats up to `LITTLE_OVER` are shares of white, from here on they count levels."""
BELOW_ZERO: Final = 1 / 16
PHOTOMETRIC: Final = 262
"""Tag of TIFF; Pillow heeds it in pictures of 8 bits, and only there."""
WHITE_IS_ZERO: Final = 0
BITS: Final = 258
SAMPLE_FORMAT: Final = 339
SIGNED_VALUES: Final = 2


class UnclearLevelsError(ValueError):
    """Values of which nobody can say what is black and what is white."""


def levels_of(image: Image.Image, packed: str = "") -> tuple[Levels, list[str]]:
    """Levels of a picture of one deep channel, and remarks on what was done to it.

    Args:
        image: of the mode I;16 (in any byte order), I or F.
        packed: how its file held the values, as Pillow names it, where that is known.

    Raises:
        UnclearLevelsError: no rule fits the values.
    """
    levels, remarks = _levels(image, packed)
    if _tag(image, PHOTOMETRIC) == WHITE_IS_ZERO:
        return 255 - levels, [*remarks, "counted from white"]
    return levels, remarks


def _levels(image: Image.Image, packed: str) -> tuple[Levels, list[str]]:
    values = np.asarray(image)
    if image.mode == "F":
        return _of_floats(values)
    bits, signed = _type_of(image, packed)
    if bits < 32:
        shift = bits - (9 if signed else 8)
        return _in_bands(values, lambda some: some.clip(0, (256 << shift) - 1) >> shift), []
    return _of_integers(values if signed else values.view(np.uint32), signed=signed)


def is_signed(image: Image.Image) -> bool:
    """Whether one bit of each value in a TIFF is its sign."""
    return bool(_tag(image, SAMPLE_FORMAT) == SIGNED_VALUES)


def _type_of(image: Image.Image, packed: str) -> tuple[int, bool]:
    """Bits of a value, and whether one of them is its sign."""
    if packed == "I;12":
        return 12, False
    if image.mode.startswith("I;16") or image.format in ("PPM", "PNG"):
        return 16, False
    stored, kind = _tag(image, BITS), _tag(image, SAMPLE_FORMAT)
    if stored == 16:
        return 16, kind == SIGNED_VALUES
    return 32, kind != 1


def _tag(image: Image.Image, number: int) -> Any:
    """Of a TIFF's tag the first value; None where there is none."""
    tags: Any = getattr(image, "tag_v2", {})
    tag = tags.get(number)
    return tag[0] if isinstance(tag, tuple) and tag else tag


def _of_integers(values: Values, *, signed: bool) -> tuple[Levels, list[str]]:
    low, high = _range(values)
    if low < 0:
        raise UnclearLevelsError("integers of which many are negative; bring them to 0 to 255")
    white = next((most for most in (255, 65535) if high <= most), (1 << 31 if signed else 1 << 32))
    step = (white + 1) // 256
    scaled = _in_bands(values, lambda some: some.clip(0, 256 * step - 1) // step)
    return scaled, [f"integers of 32 bits, taken as 0 to {white if white < 1 << 17 else white - 1}"]


def _of_floats(values: Values) -> tuple[Levels, list[str]]:
    finite = np.isfinite(values)
    missing = int(values.size - finite.sum())
    if missing == values.size:
        raise UnclearLevelsError("floats of which none is a number")
    low, high = _range(values[finite] if missing else values)
    white = _white_of(high)
    if low < -BELOW_ZERO * white:
        raise UnclearLevelsError(
            f"floats of which many are negative, down to {low:.3g}; bring them to 0 to 1"
        )
    remarks = [f"floats, taken as 0 to {white:g}"]
    if missing:
        remarks.append(f"{missing} values that are no finite numbers, taken as the nearest end")

    def brought(some: Values) -> Values:
        known = np.nan_to_num(some.astype(np.float64), nan=0.0, posinf=white, neginf=0.0)
        return np.rint(known.clip(0, white) * (255 / white))

    return _in_bands(values, brought), remarks


def _white_of(high: float) -> float:
    if high <= LITTLE_OVER:
        return 1.0
    if high < SURELY_LEVELS:
        raise UnclearLevelsError(
            f"floats up to {high:.3g}, which are neither shares of white (0 to 1) nor levels "
            "(0 to 255); bring them to 0 to 1"
        )
    if high <= 65535:
        return 255.0 if high <= 256 else 65535.0
    raise UnclearLevelsError(f"floats up to {high:.3g}; bring them to 0 to 1")


def _range(values: Any) -> tuple[float, float]:
    """Smallest and largest value but for the outermost thousandth, one at least, of a sample."""
    some = values.reshape(-1)
    some = np.sort(some[:: 1 + some.size // MOST_SAMPLES])
    out = min(max(1, some.size // OUTERMOST), (some.size - 1) // 2)
    return float(some[out]), float(some[some.size - 1 - out])


def _in_bands(values: Values, bring: Callable[[Any], Any]) -> Levels:
    """What `bring` makes of a large picture, some rows at once."""
    made = np.empty(values.shape, np.uint8)
    rows = max(1, MOST_SAMPLES // max(1, values.shape[1]))
    for top in range(0, len(values), rows):
        made[top : top + rows] = bring(values[top : top + rows])
    return made
