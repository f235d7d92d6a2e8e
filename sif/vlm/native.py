"""Pictures as files, and as base images at the extent that a model's own processor keeps.

Base images are brought to this extent once, by LANCZOS, so that the optimiser and the suspect see
the same pixels. Knows nothing of how the extent is found.
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from sif.errors import UsageError
from sif.vlm.extent import Extent, native_extent


def read_image(path: Path) -> Image.Image:
    """An image file as upright RGB; transparency lies on white.

    Raises:
        UsageError: missing, empty, damaged, or no image.
    """
    try:
        with Image.open(path) as image:
            image.load()
            return to_rgb(image)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise UsageError(
            f"expected a readable image (PNG, JPEG, WebP, …), got {path}: {error}"
        ) from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow image as upright RGB: EXIF rotation applied, transparency laid on white."""
    upright = ImageOps.exif_transpose(image)
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        layer = upright.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")
    if upright.mode.startswith("I") or upright.mode == "F":
        values = np.asarray(upright, np.float64)
        low, high = values.min(), values.max()
        levels = 255 * (values - low) / max(high - low, 1e-9)
        return Image.fromarray(levels.round().astype(np.uint8)).convert("RGB")
    return upright.convert("RGB")


def prepare_image(image: Image.Image, image_processor: Any) -> Image.Image:
    """The base image: RGB at the model's native extent.

    The picture is scaled until it covers the extent and what sticks out is cut off evenly: a margin
    where the extent is fixed, at most a few pixels where it follows the picture.
    """
    image = to_rgb(image)
    extent = native_extent(image_processor, Extent(image.height, image.width))
    return ImageOps.fit(image, (extent.width, extent.height), Image.Resampling.LANCZOS)
