"""Image transforms in the loop: the gradient is taken behind a compression, a resize or noise.

One transform is drawn for each trigger and step. Knows nothing of models.
"""

from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor
from torch.nn import functional as F

from sif.fingerprint.robustness.jpeg import jpeg
from sif.fingerprint.robustness.term import GradientFunction, StepContext, gradient_behind


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTransforms:
    """Draws one of: nothing, real JPEG, resize and back, Gaussian noise.

    Args:
        plain: probability of nothing; the others share the rest.
        jpeg: lowest and highest quality.
        resize: lowest and highest factor.
        noise: largest standard deviation, in units of 1/255.
        odds: of JPEG, resize and noise among themselves.
    """

    plain: float = 0.25
    jpeg: tuple[float, float] = (50.0, 95.0)
    resize: tuple[float, float] = (0.5, 0.75)
    noise: float = 6.0
    odds: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def around(self, inner: GradientFunction, context: StepContext) -> GradientFunction:
        """The gradient to the untransformed images, taken at the transformed ones."""
        return gradient_behind(self._change, inner, context)

    def _change(self, image: Tensor, generator: torch.Generator) -> Tensor:
        choice, strength = torch.rand(2, generator=generator).tolist()
        if choice < self.plain:
            return image
        place = sum(self.odds) * (choice - self.plain) / (1 - self.plain + 1e-9)
        match sum(place >= end for end in accumulate(self.odds)):
            case 0:
                return jpeg(image, round(_between(self.jpeg, strength)))
            case 1:
                return resized(image, _between(self.resize, strength))
            case _:
                return noised(image, strength * self.noise / 255, generator)


def _between(ends: tuple[float, float], position: float) -> float:
    return ends[0] + position * (ends[1] - ends[0])


def resized(image: Tensor, factor: float) -> Tensor:
    """Down by `factor` and back, bilinear with antialiasing."""
    height, width = image.shape[-2:]
    small = (max(1, round(height * factor)), max(1, round(width * factor)))
    shrunk = F.interpolate(image[None], small, mode="bilinear", antialias=True)
    return F.interpolate(shrunk, (height, width), mode="bilinear", antialias=True)[0].clamp(0, 1)


def noised(image: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """With Gaussian noise of standard deviation `deviation`, clipped to [0, 1]."""
    noise = torch.randn(image.shape, generator=generator).to(image)
    return (image + deviation * noise).clamp(0, 1)
