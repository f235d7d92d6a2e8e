"""Pictures and questions through a processor of transformers, tensors with their gradient.

Tensors go the way of pictures but for the division that they have behind them. Knows no processor
by name, and nothing of models.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxtyping import Float
from PIL import Image
from torch import Tensor

from sif.vlm.pixels import to_images

Pictures = Float[Tensor, "batch 3 height width"] | Sequence[Image.Image]
"""Images as floats in [0, 1] at the native extent, or as pictures of any size."""


def rescaled(image_processor: Any, images: Float[Tensor, "*axes"]) -> Float[Tensor, "*axes"]:
    """Floats in [0, 1] as an image processor's own step from 0 to 255 leaves the same pixels.

    Nearly all divide by 255, which changes nothing here; some divide by less, or not at all.
    """
    factor = getattr(image_processor, "rescale_factor", None)
    if not getattr(image_processor, "do_rescale", True):
        factor = 1.0
    scale = 255 * factor if isinstance(factor, int | float) else 1.0
    return images if scale == 1 else images * scale


def encoded(
    processor: Any, images: Pictures, texts: Sequence[str], **options: Any
) -> Mapping[str, Any]:
    """What a processor makes of one picture for each text.

    They are handed over as one list for each text, the one shape that every processor of
    transformers takes. Some open pictures themselves and refuse tensors, which their image
    processor takes: then all but its part is made of the pictures that the tensors show.

    Args:
        processor: of transformers.
        images: pictures go the way of any user's; tensors keep their gradient.
        texts: in the processor's chat template.
        options: of the processor's call.
    """
    if not isinstance(images, Tensor):
        return dict(processor(images=_listed(images), text=list(texts), **options))
    given = _listed(rescaled(processor.image_processor, images))
    try:
        return dict(processor(images=given, text=list(texts), do_rescale=False, **options))
    except TypeError:
        shown = processor(images=_listed(to_images(images)), text=list(texts), **options)
        made = processor.image_processor(images=given, do_rescale=False, return_tensors="pt")
        return {**shown, **made}


def _listed(images: Any) -> list[list[Any]]:
    return [[image] for image in images]
