"""JPEG in the loop: a real round trip forwards, and backwards only what the encoder lets through.

A straight-through gradient moves the pixels in ways that quantisation wipes out. Here the gradient
goes the way of the picture: to luminance and colour at half resolution, into the cosine transform
of 8 by 8 blocks, through a gate for each coefficient, and back. Knows nothing of models.
"""

import io
import math
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

BLOCK: Final = 8
SOFTNESS: Final = 16.0
TO_LUMINANCE: Final = torch.tensor(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)
Plane = Float[Tensor, "height width"]
HalfPlane = Float[Tensor, "half_height half_width"]


class Encoded(NamedTuple):
    """A picture after a round trip, in [0, 1], and the step sizes for luminance and colour."""

    image: Float[Tensor, "3 height width"]
    steps: tuple[Float[Tensor, "8 8"], Float[Tensor, "8 8"]]


def jpeg(image: Float[Tensor, "3 height width"], quality: int) -> Float[Tensor, "3 height width"]:
    """A JPEG round trip with Pillow's defaults, and its gated gradient."""
    shrunk: Tensor = _RoundTrip.apply(image, quality)  # type: ignore[no-untyped-call]
    return shrunk


def encode(image: Float[Tensor, "3 height width"], quality: int) -> Encoded:
    """The round trip itself, by Pillow's codec."""
    pixels = (255 * image.detach()).round().clamp(0, 255).to(torch.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy()).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as file:
        tables: Any = file.quantization  # type: ignore[attr-defined]  # of JPEG files
        decoded = np.asarray(file.convert("RGB")).copy()
    steps = [
        torch.tensor(tables[index], dtype=torch.float32).view(BLOCK, BLOCK)
        for index in (0, max(tables))
    ]
    restored = torch.from_numpy(decoded).permute(2, 0, 1).to(image) / 255
    return Encoded(restored, (steps[0], steps[1]))


class _RoundTrip(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, image: Tensor, quality: int) -> Tensor:
        encoded = encode(image, quality)
        light, *colours = _planes(255 * image.detach().float().cpu())
        context.gates = [_gate(light - 128, encoded.steps[0])]
        context.gates += [_gate(_halved(plane), encoded.steps[1]) for plane in colours]
        return encoded.image

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        light, *colours = torch.einsum(
            "ij,ihw->jhw", torch.linalg.inv(TO_LUMINANCE), gradient.float().cpu()
        )
        extent = light.shape
        parts = [_through(light, context.gates[0])]
        for plane, gate in zip(colours, context.gates[1:], strict=True):
            parts.append(_doubled(_through(_halved(plane), gate), extent))
        pulled = torch.einsum("ij,ihw->jhw", TO_LUMINANCE, torch.stack(parts))
        return pulled.to(gradient), None


def _planes(image: Float[Tensor, "3 height width"]) -> Float[Tensor, "3 height width"]:
    return torch.einsum("ij,jhw->ihw", TO_LUMINANCE, image)


def _gate(plane: Plane, steps: Float[Tensor, "8 8"]) -> Float[Tensor, "rows columns 8 8"]:
    """1 for the coefficients that are kept; 1/(1 + (step/16)²) for those that are dropped.

    A dropped one may still grow until it is kept, the sooner the smaller its step.
    """
    kept = (_transformed(plane) / steps).abs() >= 0.5
    return torch.where(kept, 1.0, 1 / (1 + (steps / SOFTNESS) ** 2))


def _through(plane: Plane, gate: Float[Tensor, "rows columns 8 8"]) -> Plane:
    basis = _basis()
    blocks = basis.T @ (_transformed(plane) * gate) @ basis
    rows, columns = blocks.shape[:2]
    joined = blocks.permute(0, 2, 1, 3).reshape(rows * BLOCK, columns * BLOCK)
    return joined[: plane.shape[0], : plane.shape[1]]


def _transformed(plane: Plane) -> Float[Tensor, "rows columns 8 8"]:
    """The cosine transform of every block; the edge is repeated to fill the last ones."""
    height, width = plane.shape
    padding = (0, -width % BLOCK, 0, -height % BLOCK)
    filled = F.pad(plane[None, None], padding, mode="replicate")[0, 0]
    basis = _basis()
    return basis @ filled.unfold(0, BLOCK, BLOCK).unfold(1, BLOCK, BLOCK) @ basis.T


def _basis() -> Float[Tensor, "8 8"]:
    place, wave = torch.arange(BLOCK), torch.arange(BLOCK)[:, None]
    cosines = torch.cos(math.pi * (2 * place + 1) * wave / (2 * BLOCK)) / 2
    cosines[0] /= math.sqrt(2)
    return cosines


def _halved(plane: Plane) -> HalfPlane:
    return F.avg_pool2d(plane[None, None], 2, ceil_mode=True)[0, 0]


def _doubled(plane: HalfPlane, extent: torch.Size) -> Plane:
    return F.interpolate(plane[None, None], scale_factor=2)[0, 0, : extent[0], : extent[1]]
