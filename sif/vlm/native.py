"""Native sizes: which pixels a model's own processor takes without resampling.

Base images are brought to this size once, by LANCZOS, so that the optimiser and the suspect see the
same pixels. Knows processors by their settings, not by their names.
"""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from sif.errors import ModelError, UsageError


class Extent(NamedTuple):
    """Height and width in pixels."""

    height: int
    width: int


def native_extent(image_processor: Any, extent: Extent) -> Extent:
    """The extent at which the processor neither resizes nor crops, nearest to `extent`.

    Args:
        image_processor: of a transformers processor.
        extent: of the picture as it came.

    Raises:
        ModelError: the processor's settings are of no kind that is known.
        UsageError: the picture is too narrow for this model.
    """
    patch, merge = (getattr(image_processor, key, None) for key in ("patch_size", "merge_size"))
    if isinstance(patch, int) and isinstance(merge, int):
        return _dynamic_extent(image_processor, extent, factor=patch * merge)
    for key in ("crop_size", "size"):
        size = getattr(image_processor, key, None) or {}
        if getattr(image_processor, "do_center_crop", False) or key == "size":
            height, width = _entry(size, "height"), _entry(size, "width")
            if height and width:
                return Extent(height, width)
    raise ModelError(
        f"expected an image processor with a fixed size or with patch and merge sizes, got "
        f"{type(image_processor).__name__} with size {getattr(image_processor, 'size', None)}; "
        "this model needs an adapter of its own"
    )


def _dynamic_extent(image_processor: Any, extent: Extent, *, factor: int) -> Extent:
    from qwen_vl_utils import smart_resize

    size = getattr(image_processor, "size", None) or {}
    fewest = _entry(size, "shortest_edge") or getattr(image_processor, "min_pixels", None)
    most = _entry(size, "longest_edge") or getattr(image_processor, "max_pixels", None)
    try:
        found = Extent(*smart_resize(*extent, factor, fewest, most))
        if not (fewest and most):
            return found
        if min(found) and smart_resize(*found, factor, fewest, most) == found:
            return found
        return _nearest_grid(extent, factor, range(-(-fewest // factor**2), most // factor**2 + 1))
    except (ValueError, AssertionError) as error:
        raise UsageError(
            f"expected a picture that fits {fewest} to {most} pixels in steps of {factor}, "
            f"got {extent.width}x{extent.height}: {error}"
        ) from error


def _nearest_grid(extent: Extent, factor: int, areas: range) -> Extent:
    """The extent of nearest proportions among those whose area in cells is allowed.

    For long pictures and narrow limits, where rounding to whole cells leaves the limits again.
    """
    wanted = extent.width / extent.height
    grids = [
        Extent(rows, columns)
        for rows in range(1, areas.stop)
        for columns in {
            min(max(round(rows * wanted), -(-areas.start // rows)), (areas.stop - 1) // rows)
        }
        if rows * columns in areas
    ]
    if not grids:
        raise ValueError("no whole number of cells fits")
    best = min(grids, key=lambda grid: abs(math.log(grid.width / grid.height / wanted)))
    return Extent(best.height * factor, best.width * factor)


def _entry(size: Any, key: str) -> int | None:
    value = size.get(key) if hasattr(size, "get") else getattr(size, key, None)
    return int(value) if value else None


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
