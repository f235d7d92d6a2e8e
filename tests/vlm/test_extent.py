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
from sif.vlm.extent import Extent, native_extent
from sif.vlm.native import capped_extent, prepare_image
from sif.vlm.pixels import to_tensor

REFUSED = {
    "IdeficsImageProcessor": "as a tensor",
    "Kosmos2_5ImageProcessor": "cannot carry a trigger",
    "LayoutLMv3ImageProcessor": "as a tensor",
    "Pix2StructImageProcessor": "cannot carry a trigger",
}
"""No tensors, or every patch normalised by its picture's own mean."""

SLOW = {"PerceptionLMImageProcessor"}
NAMES = sorted(
    {
        names.get("torchvision") or names["pil"]
        for kind, names in IMAGE_PROCESSOR_MAPPING_NAMES.items()
        if kind in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    }
)


def processor(name: str) -> Any:
    return getattr(transformers, name)()


def noise(extent: Extent) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (*extent, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("extent", [Extent(240, 320)])
def test_a_native_extent_is_kept_pixel_by_pixel(name: str, extent: Extent) -> None:
    if name in REFUSED:
        with pytest.raises(ModelError, match=rf"{name}.*{REFUSED[name]}"):
            native_extent(processor(name), extent)
        return
    if name in SLOW:
        extent = Extent(448, 448)
    _check_kept(processor(name), extent)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name not in {*REFUSED, *SLOW}])
@pytest.mark.parametrize(
    "extent", [Extent(448, 448), Extent(900, 200), Extent(9, 7), Extent(3000, 4000)]
)
def test_a_native_extent_is_kept_whatever_the_picture(name: str, extent: Extent) -> None:
    if name == "Cosmos3EdgeImageProcessor" and extent.height == 3000:
        with pytest.raises(ModelError, match="cannot carry a trigger"):
            native_extent(processor(name), extent)
        return
    _check_kept(processor(name), extent)


def _check_kept(asked: Any, extent: Extent) -> None:
    """Every pixel of noise is among what comes out, by its value alone; a tensor comes out alike.

    Between the levels of neighbouring 8-bit values nothing may lie but in a small view.
    """
    found = native_extent(asked, extent)
    assert native_extent(asked, found) == found
    image = prepare_image(noise(extent), asked)
    assert image.size == (found.width, found.height)
    picture = asked(images=[image], return_tensors="pt")
    tensor = asked(images=[to_tensor([image])[0]], do_rescale=False, return_tensors="pt")
    assert picture.keys() == tensor.keys()
    steps = []
    for name, value in picture.items():
        if isinstance(value, Tensor) and value.is_floating_point():
            assert value.shape == tensor[name].shape
            gap = (value.float() - tensor[name].float()).abs()
            span = float(value.float().max() - value.float().min())
            steps.append(float(gap.max()) / span * 255)
            same = float((gap < 1e-2 * span / 255).sum())
            if value.ndim > 2:
                largest = value.numel()
                assert same > 0 or largest == 0
        else:
            assert str(value) == str(tensor[name])
    # A small view is resampled from 8-bit values here and from floats there: it rounds and clips.
    assert max(steps) < 40


def test_the_tiles_of_a_picture_are_those_of_its_tensor_to_the_bit_and_the_view_is_not() -> None:
    asked = transformers.LlavaNextImageProcessor(
        size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336}
    )
    image = prepare_image(noise(Extent(480, 640)), asked)
    assert image.size == (672, 504)
    picture = asked(images=[image], return_tensors="pt")["pixel_values"][0]
    tensor = asked(images=[to_tensor([image])[0]], do_rescale=False, return_tensors="pt")
    gap = (picture - tensor["pixel_values"][0]).abs().amax((1, 2, 3))
    assert float(gap[1:].max()) < 1e-5
    assert 0 < float(gap[0]) < 0.02
    canvas = torch.cat([torch.cat([*picture[1:3]], -1), torch.cat([*picture[3:5]], -1)], -2)
    mean, std = (torch.tensor(each)[:, None, None] for each in (asked.image_mean, asked.image_std))
    assert torch.allclose(canvas[:, 84:588] * std + mean, to_tensor([image])[0], atol=1e-5)


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
    with pytest.raises(UsageError, match="expected 50176 or more for this model.*got 1000"):
        capped_extent(asked, Extent(480, 640), 1000, exact=True)
