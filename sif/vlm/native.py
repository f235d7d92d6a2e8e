"""Pictures as base images at the extent that a model's own processor keeps.

Base images are brought to this extent once, by LANCZOS, so that the optimiser and the suspect see
the same pixels. Knows nothing of how the extent is found.
"""

import math
from typing import Any, Final

from PIL import Image, ImageOps

from sif.errors import UsageError
from sif.pictures.colours import to_rgb as to_rgb
from sif.pictures.reading import read_image as read_image
from sif.vlm.extent import Extent, native_extent

SHRINKINGS: Final = 4
STEP_DOWN: Final = 0.9
SMALLEST: Final = 8
"""Sides of a picture below which a processor is not asked: it cannot tell pixels from channels."""


def capped_extent(image_processor: Any, extent: Extent, most: int, *, exact: bool) -> Extent:
    """The native extent of a picture that is scaled down to `most` pixels where it has more.

    Args:
        image_processor: of a transformers processor.
        extent: of the picture as it came.
        most: pixels.
        exact: whether an extent with more is an error. There is none with less where a processor
            has one extent, or brings every picture to a longest edge or to a number of tiles; then
            that of the picture scaled down is taken.

    Raises:
        ModelError: no native extent is found.
        UsageError: the processor does not take the picture, or, where that is an error, none of so
            few pixels.
    """
    wanted, found = extent, list[Extent]()
    for _ in range(SHRINKINGS):
        scale = math.sqrt(min(1.0, most / wanted.area))
        wanted = Extent(*(max(SMALLEST, int(side * scale)) for side in wanted))
        found.append(native_extent(image_processor, wanted))
        if found[-1].area <= most:
            return found[-1]
        wanted = Extent(*(max(SMALLEST, int(side * STEP_DOWN)) for side in wanted))
    least = min(found, key=lambda each: each.area)
    if exact:
        raise UsageError(
            f"max_pixels: expected {least.area} or more for this model and a picture of "
            f"{extent.width}x{extent.height}, which its processor brings to {least.width}x"
            f"{least.height} at least, got {most}; raise it or leave it out"
        )
    return found[0]


def prepare_image(
    image: Image.Image, image_processor: Any, *, most: int | None = None, exact: bool = False
) -> Image.Image:
    """The base image: RGB at the model's native extent, of at most `most` pixels if that can be.

    The picture is scaled until it covers the extent and what sticks out is cut off evenly: a margin
    where the extent is fixed, at most a few pixels where it follows the picture.
    """
    image = to_rgb(image)
    extent = Extent(image.height, image.width)
    if most is None:
        extent = native_extent(image_processor, extent)
    else:
        extent = capped_extent(image_processor, extent, most, exact=exact)
    return ImageOps.fit(image, (extent.width, extent.height), Image.Resampling.LANCZOS)
