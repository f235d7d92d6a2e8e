"""How far a trigger is from the picture before it, measured on decoded pixels.

Pictures come from an adversary: the header of each is read before a pixel is decoded, and only PNG
of 8-bit RGB and of bounded size is. Knows nothing of claims.
"""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from sif.errors import ClaimError

MOST_PIXELS: Final = 1 << 24
MOST_PIXELS_TOGETHER: Final = 1 << 30
"""Two thousand triggers of 512 x 512 with their base pictures."""
MOST_PIXELS_A_BYTE: Final = 64
"""Of all pictures together; a drawing of a few flat colours has twenty, a photograph one."""
MOST_PIXELS_AT_EASE: Final = 1 << 26
"""Pictures with more take their time; they are no drawings, so that no byte has more than four."""
MOST_PIXELS_A_BYTE_OF_MANY: Final = 4
ROWS: Final = 256


def check_headers(paths: Iterable[Path]) -> None:
    """Makes sure that pictures can be decoded in bounded memory, by their headers alone.

    Raises:
        ClaimError: one is no PNG of 8-bit RGB, or is too large, or all together are.
    """
    together, stored = 0, 0
    for path in paths:
        together += _pixels(path)
        stored += path.stat().st_size
        if together > MOST_PIXELS_TOGETHER:
            raise ClaimError(
                f"the pictures have more than {MOST_PIXELS_TOGETHER:,} pixels together, more than "
                "an audit decodes; commit to fewer triggers, or to smaller ones (--max-pixels)"
            )
    of_many = max(MOST_PIXELS_AT_EASE, MOST_PIXELS_A_BYTE_OF_MANY * stored)
    if together > max(MOST_PIXELS, min(MOST_PIXELS_A_BYTE * stored, of_many)):
        raise ClaimError(
            f"the pictures have {together:,} pixels in {stored:,} bytes: blown up to take memory, "
            "and no triggers"
        )


def largest_change(trigger: Image.Image, base: Image.Image) -> int:
    """‖x' − x‖∞ of two RGB pictures, in units of 1/255.

    Raises:
        ClaimError: they differ in size or mode.
    """
    if trigger.size != base.size or trigger.mode != base.mode:
        raise ClaimError(
            f"expected a trigger of the size and mode of its base picture, {base.size} and "
            f"{base.mode}, got {trigger.size} and {trigger.mode}"
        )
    width, height = trigger.size
    largest = 0
    for top in range(0, height, ROWS):  # a strip at a time, for a picture may be large
        box = (0, top, width, min(top + ROWS, height))
        one, two = (np.asarray(picture.crop(box), np.int16) for picture in (trigger, base))
        largest = max(largest, int(np.abs(one - two).max()))
    return largest


def _pixels(path: Path) -> int:
    """Pixels of one picture, by its header."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG",)) as image:
                mode, (width, height) = image.mode, image.size
                frames = getattr(image, "n_frames", 1)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ClaimError(f"the picture {path.name} is too large to be opened") from error
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise ClaimError(f"expected a PNG in {path.name}, got something else") from error
    if width * height > MOST_PIXELS:
        raise ClaimError(
            f"the picture {path.name} is too large to be opened: {width} x {height}, at most "
            f"{MOST_PIXELS:,} pixels are"
        )
    if mode != "RGB" or frames != 1:
        raise ClaimError(f"expected one RGB picture in {path.name}, got mode {mode}")
    return width * height
