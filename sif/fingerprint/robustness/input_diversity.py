"""DI²-FGSM: the gradient is taken at images that are at times shrunk and moved a little.

Knows nothing of models. Source: Xie et al., "Improving Transferability of Adversarial Examples with
Input Diversity" (CVPR 2019); its momentum belongs to the schedule.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from sif.fingerprint.robustness.term import GradientFunction, StepContext, gradient_behind


@dataclass(frozen=True, slots=True, kw_only=True)
class InputDiversity:
    """Resizes and pads each trigger's image with some probability, anew in every step.

    Args:
        probability: of a change, in [0, 1].
        pixels: how much wider than the image the padded canvas is, on an image of `side` pixels;
            on others in proportion.
        side: LLaVA-1.5's 336 with the published 30 pixels.
    """

    probability: float = 0.5
    pixels: int = 30
    side: int = 336

    def around(self, inner: GradientFunction, context: StepContext) -> GradientFunction:
        """The gradient to the images as they are, taken at the changed ones."""
        return gradient_behind(self._change, inner, context)

    def _change(self, image: Tensor, generator: torch.Generator) -> Tensor:
        choice, size, down, right = torch.rand(4, generator=generator).tolist()
        if choice >= self.probability:
            return image
        share = self.pixels / self.side
        return resized_and_padded(image, share, size=size, down=down, right=right)


def resized_and_padded(
    image: Tensor, share: float, *, size: float, down: float, right: float
) -> Tensor:
    """Enlarged, laid on a larger black canvas, and the canvas brought back to the image's extent.

    Args:
        image: "3 height width".
        share: the canvas has sides of (1 + share) times the image's, to the nearest pixel.
        size: in [0, 1]; 0 keeps the image's size on the canvas, 1 lets it fill the canvas.
        down: place on the canvas in [0, 1], 0 at the top.
        right: place on the canvas in [0, 1], 0 at the left.
    """
    height, width = image.shape[-2:]
    tall, wide = round(share * height), round(share * width)
    extent = (height + round(size * tall), width + round(size * wide))
    spare = (height + tall - extent[0], width + wide - extent[1])
    top, left = round(down * spare[0]), round(right * spare[1])
    enlarged = F.interpolate(image[None], extent, mode="nearest")
    canvas = F.pad(enlarged, (left, spare[1] - left, top, spare[0] - top))
    return F.interpolate(canvas, (height, width), mode="bilinear", align_corners=False)[0]
