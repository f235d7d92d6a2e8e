"""Pictures as tensors and back, at 8-bit values. Knows nothing of models."""

import io
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor


def to_tensor(images: Sequence[Image.Image]) -> Float[Tensor, "batch 3 height width"]:
    """RGB pictures of one size as floats in [0, 1]."""
    arrays = np.stack([np.asarray(image.convert("RGB")) for image in images])
    return torch.from_numpy(arrays.copy()).permute(0, 3, 1, 2).float() / 255


def to_images(tensor: Float[Tensor, "batch 3 height width"]) -> list[Image.Image]:
    """Floats in [0, 1] as RGB pictures, rounded to the nearest 8-bit value."""
    levels = (255 * tensor.detach()).round().clamp(0, 255).to(torch.uint8)
    return [Image.fromarray(array) for array in levels.permute(0, 2, 3, 1).cpu().numpy()]


def png_bytes(image: Image.Image) -> bytes:
    """A picture as lossless PNG."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
