"""Every image processor of transformers that an image-text-to-text model uses, asked itself."""

from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from torch import Tensor
from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING_NAMES
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from sif.errors import ModelError, UsageError
from sif.vlm.encoding import rescaled
from sif.vlm.extent import Extent, native_extent
from sif.vlm.native import capped_extent, prepare_image
from sif.vlm.pixels import to_tensor

REFUSED = {
    "IdeficsImageProcessor": "fails at one of 448x448",
    "InklingImageProcessor": "cannot carry a trigger",
    "Kosmos2_5ImageProcessor": "cannot carry a trigger",
    "LayoutLMv3ImageProcessor": "fails at one of 448x448",
    "LlavaNextImageProcessor": "cannot carry a trigger",
    "Pix2StructImageProcessor": "cannot carry a trigger",
}
"""No tensors, every patch normalised by its picture's own mean, a border of another colour around
tensors, or (by the class's own settings, which no model has) tiles of 224 in canvases of 336s."""

SLOW = {
    "DeepseekOcr2ImageProcessor",
    "DeepseekVLHybridImageProcessor",
    "Idefics3ImageProcessor",
    "PerceptionLMImageProcessor",
    "SmolVLMImageProcessor",
}
"""Many tiles of a small picture."""

OF_ANY_SIZE = [
    "Gemma4ImageProcessor",
    "Lfm2VlImageProcessor",
    "LlavaOnevisionImageProcessor",
    "MiniCPMV4_6ImageProcessor",
    "PixtralImageProcessor",
    "Qwen2VLImageProcessor",
]
NAMES = sorted(
    {
        names.get("torchvision") or names["pil"]
        for kind, names in IMAGE_PROCESSOR_MAPPING_NAMES.items()
        if kind in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    }
)


def processor(name: str) -> Any:
    return getattr(transformers, name)()


def smooth(extent: Extent) -> Image.Image:
    rows, columns = np.mgrid[: extent.height, : extent.width] / max(extent)
    channels = np.stack([rows, columns, 0.5 + 0.5 * np.sin(12 * rows * columns)], -1)
    return Image.fromarray((255 * channels).astype(np.uint8))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in NAMES]
)
def test_a_native_extent_is_kept_pixel_by_pixel(name: str) -> None:
    extent = Extent(240, 320)
    if name in REFUSED:
        with pytest.raises(ModelError, match=rf"{name}.*{REFUSED[name]}"):
            native_extent(processor(name), extent)
    else:
        _check_kept(processor(name), extent)


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_ANY_SIZE)
@pytest.mark.parametrize("extent", [Extent(900, 200), Extent(9, 7), Extent(3000, 4000)])
def test_a_native_extent_is_kept_whatever_the_picture(name: str, extent: Extent) -> None:
    _check_kept(processor(name), extent)


def _check_kept(asked: Any, extent: Extent) -> None:
    """A picture and its tensor come out alike, but for 8-bit rounding where a view is resampled."""
    found = native_extent(asked, extent)
    assert native_extent(asked, found) == found
    image = prepare_image(smooth(extent), asked)
    assert image.size == (found.width, found.height)
    picture = asked(images=[image], return_tensors="pt")
    pixels = rescaled(asked, to_tensor([image])[0])
    tensor = asked(images=[pixels], do_rescale=False, return_tensors="pt")
    assert picture.keys() == tensor.keys()
    for name, value in picture.items():
        if isinstance(value, Tensor) and value.is_floating_point():
            assert value.shape == tensor[name].shape
            gap = (value.float() - tensor[name].float()).abs().max()
            assert gap <= 1.1 * (value.float().max() - value.float().min()) / 255
        else:
            assert str(value) == str(tensor[name])


def test_the_tiles_of_a_picture_are_those_of_its_tensor_to_the_bit_and_the_view_is_not() -> None:
    asked = transformers.LlavaNextImageProcessor(
        size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336}
    )
    image = prepare_image(smooth(Extent(480, 640)), asked)
    assert image.size == (672, 504)
    picture = asked(images=[image], return_tensors="pt")["pixel_values"][0]
    tensor = asked(images=[to_tensor([image])[0]], do_rescale=False, return_tensors="pt")
    gap = (picture - tensor["pixel_values"][0]).abs().amax((1, 2, 3))
    assert float(gap[1:].max()) < 1e-5
    assert 0 < float(gap[0]) < 0.02
    canvas = torch.cat([torch.cat([*picture[1:3]], -1), torch.cat([*picture[3:5]], -1)], -2)
    mean, std = (torch.tensor(each)[:, None, None] for each in (asked.image_mean, asked.image_std))
    assert torch.allclose(canvas[:, 84:588] * std + mean, to_tensor([image])[0], atol=1e-5)


def test_tiles_that_are_packed_in_one_row_of_patches_are_found_behind_the_view() -> None:
    found = native_extent(transformers.MiniCPMV4_6ImageProcessor(), Extent(1080, 1920))
    assert found == Extent(2 * 448, 4 * 448)


@pytest.mark.parametrize("name", ["Qwen2VLImageProcessor", "PixtralImageProcessor"])
def test_a_photograph_is_brought_below_the_cap_in_its_proportions(name: str) -> None:
    found = capped_extent(processor(name), Extent(3000, 4000), 200_000, exact=True)
    assert 150_000 < found.area <= 200_000
    assert found.width / found.height == pytest.approx(4 / 3, rel=0.06)
    assert capped_extent(processor(name), found, 200_000, exact=True) == found


def test_a_cap_below_the_only_extent_of_a_model_is_refused_when_asked_for() -> None:
    asked = transformers.SiglipImageProcessor()
    small = capped_extent(asked, Extent(480, 640), 1000, exact=False)
    assert small == Extent(224, 224)
    with pytest.raises(UsageError, match=r"expected 50176 or more for this model.*got 1000"):
        capped_extent(asked, Extent(480, 640), 1000, exact=True)
