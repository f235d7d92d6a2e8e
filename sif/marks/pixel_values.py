"""What a vision model's own image processor makes of pictures, and at which extent they are shown.

Pixels come with whatever the processor gives beside them: grids, masks, sizes, tiles. Knows
processors by what they answer, not by their names; knows nothing of models.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from sif.errors import ModelError, UsageError
from sif.vlm.encoding import rescaled
from sif.vlm.extent import Extent, native_extent
from sif.vlm.foreign import FOREIGN_OR_MISSING
from sif.vlm.plain_words import first_line

LARGEST_FREE_SIDE: Final = 336
"""Side in pixels for models that take any size, unless their limits say otherwise."""
ROUNDS: Final = 4
LONGEST_SHAPE: Final = 8
"""What came out longer than that, for a square, is no picture: patches that lie in a row."""
FAULTS: Final = FOREIGN_OR_MISSING
"""What the code of models and processors raises over inputs that it was not written for."""

Images = Float[Tensor, "batch 3 height width"] | Sequence[Image.Image]


class Inputs(dict[str, Any]):
    """What a processor made of some pictures: pixel values, and all that came beside them.

    Args:
        values: by the processor's names.
        pictures: how many they are of.
    """

    def __init__(self, values: Mapping[str, Any], *, pictures: int) -> None:
        super().__init__(values)
        self.pictures = pictures


def make_inputs(image_processor: Any, images: Images, *, whole: bool, device: Any) -> Inputs:
    """Shows pictures to an image processor.

    Args:
        image_processor: of a transformers model.
        images: floats in [0, 1], whose gradient is kept; or pictures, as a user gives them.
        whole: as an LVLM's user gets them: one list for each picture, everything that the
            processor does by default; else pictures are neither resized nor cropped.
        device: of the tower.

    Raises:
        UsageError: the processor refuses them.
    """
    given: list[Any] = list(images)
    if isinstance(images, Tensor):
        given = list(rescaled(image_processor, images.to(device)))
    options: dict[str, Any] = {"do_rescale": False} if isinstance(images, Tensor) else {}
    if not whole:
        options |= {"do_resize": False, "do_center_crop": False}
    shown = [[one] for one in given] if whole else given
    try:
        made = image_processor(images=shown, return_tensors="pt", **options)
        return Inputs(
            {name: _placed(value, device) for name, value in made.items()}, pictures=len(given)
        )
    except FAULTS as error:
        raise UsageError(
            f"expected pictures that {type(image_processor).__name__} takes, got a refusal: "
            f"{first_line(error)}"
        ) from error


def own_extent(image_processor: Any, *, whole: bool) -> Extent:
    """Height and width of the pictures that a model is shown here.

    Where the processor's settings do not say it, pictures are tried until one comes out as large
    as it went in.

    Raises:
        ModelError: the processor takes no pictures.
    """
    extent = Extent(LARGEST_FREE_SIDE, LARGEST_FREE_SIDE)
    try:
        return native_extent(image_processor, extent)
    except (ModelError, UsageError):
        pass
    for _ in range(ROUNDS):
        grey = Image.new("RGB", (extent.width, extent.height), (128, 128, 128))
        try:
            made = image_processor(images=[[grey]] if whole else [grey], return_tensors="pt")
        except FAULTS as error:
            raise ModelError(
                f"expected an image processor that takes a picture, got a refusal of "
                f"{type(image_processor).__name__}: {first_line(error)}"
            ) from error
        if not isinstance(made, Mapping):
            raise ModelError(
                f"expected an image processor that names what it makes of a picture, got "
                f"{type(image_processor).__name__}, which gives back a {type(made).__name__}"
            )
        found = _extent_of(made, image_processor, extent)
        if found == extent or max(found) > LONGEST_SHAPE * min(found):
            break
        extent = found
    return extent


def _extent_of(made: Mapping[str, Any], image_processor: Any, otherwise: Extent) -> Extent:
    """What came out: rows and columns of pixels, or of patches where pixels are in patches."""
    pixels = made.get("pixel_values")
    if isinstance(pixels, Tensor) and pixels.ndim >= 4 and pixels.shape[-3] == 3:
        return Extent(*(int(side) for side in pixels.shape[-2:]))
    patch = getattr(image_processor, "patch_size", None)
    for name, grid in made.items():
        counts = "grid" in name or "spatial" in name
        if counts and isinstance(grid, Tensor) and isinstance(patch, int):
            return Extent(*(int(side) * patch for side in grid.reshape(-1)[-2:]))
    return otherwise


def level_of(image_processor: Any) -> float:
    """What one of 256 levels of brightness is after normalisation, at most."""
    spread = getattr(image_processor, "image_std", None) or [1.0]
    lowest = min(spread) if isinstance(spread, list | tuple) else float(spread)
    return 1.0 / 255.0 / max(float(lowest), 1e-6)


def _placed(value: Any, device: Any) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, list | tuple):
        return type(value)(_placed(one, device) for one in value)
    return value


def smooth_pictures(extent: Extent, *, number: int) -> list[Image.Image]:
    """Pictures without edges, all different, which resampling leaves as they are."""
    down = torch.linspace(0, 1, extent.height)[:, None]
    right = torch.linspace(0, 1, extent.width)[None]
    made = []
    for index in range(number):
        turn = index / number
        planes = torch.stack(
            [
                (down * (1 - turn) + right * turn).clamp(0, 1).expand(extent),
                (1 - down).expand(extent) * (0.4 + 0.6 * turn),
                (0.2 + 0.6 * right * (1 - turn)).expand(extent),
            ],
            -1,
        )
        made.append(Image.fromarray((255 * planes).round().to(torch.uint8).numpy()))
    return made
