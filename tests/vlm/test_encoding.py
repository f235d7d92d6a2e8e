"""Tensors through processors that take them otherwise than pictures."""

from typing import Any

import pytest
import torch
import transformers

from sif.vlm.encoding import encoded, rescaled
from sif.vlm.pixels import to_images, to_tensor
from tests.vlm.ladder.build import build_processor, build_rung_tokenizer
from tests.vlm.ladder.rungs import RUNGS


def image_processor(**settings: Any) -> Any:
    return transformers.ViTImageProcessor(size={"height": 32, "width": 32}, **settings)


@pytest.mark.parametrize(
    "settings", [{}, {"rescale_factor": 0.0078}, {"rescale_factor": 1.0}, {"do_rescale": False}]
)
def test_a_tensor_comes_out_as_the_picture_of_it_whatever_it_is_divided_by(
    settings: dict[str, Any],
) -> None:
    asked = image_processor(**settings)
    pixels = to_tensor(to_images(torch.rand(1, 3, 32, 32)))
    picture = asked(images=to_images(pixels), return_tensors="pt")["pixel_values"]
    given = list(rescaled(asked, pixels))
    tensor = asked(images=given, do_rescale=False, return_tensors="pt")["pixel_values"]
    assert torch.allclose(picture.float(), tensor, atol=1e-3 * float(picture.float().abs().max()))


def test_the_usual_division_changes_no_bit_of_a_tensor() -> None:
    pixels = torch.rand(1, 3, 32, 32)
    assert rescaled(image_processor(), pixels) is pixels


def test_a_processor_that_opens_pictures_itself_is_given_tensors_with_their_gradient() -> None:
    rung = RUNGS["idefics2"]
    processor = build_processor("idefics2", rung, build_rung_tokenizer(rung))
    pixels = to_tensor(to_images(torch.rand(2, 3, 32, 32))).requires_grad_()
    texts = ["<image>what is it?", "<image>what?"]
    options = {"padding": True, "return_tensors": "pt"}
    with pytest.raises(TypeError, match="Incorrect format used for image"):
        processor(images=[[one] for one in pixels], text=texts, **options)
    tensors = encoded(processor, pixels, texts, **options)
    pictures = encoded(processor, to_images(pixels), texts, **options)
    assert tensors.keys() == pictures.keys()
    for name, value in pictures.items():
        assert torch.allclose(value.float(), tensors[name].float(), atol=1e-5), name
    (slope,) = torch.autograd.grad(tensors["pixel_values"].sum(), pixels)
    assert bool((slope != 0).all())
