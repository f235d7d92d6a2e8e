"""Purifiers: they take out what looks like noise, by a fixed filter or by a trained network.

Neither knows triggers or keys; the network itself, and its file, are `denoiser`'s.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
from jaxtyping import Float
from PIL import Image

from sif.attacks.images.attack import ImageAttack
from sif.attacks.strength import Graded, Strength
from sif.errors import UsageError

WINDOW: Final = 5
SHARPENED: Final = 1.0
BUNDLED: Final = ("informed", "gaussian")
SUFFIX: Final = ".safetensors"

Pixels = Float[np.ndarray, "height width 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Purify(Graded, ImageAttack):
    """Wiener's adaptive filter, then an unsharp mask; it has learnt nothing.

    Wiener's filter (Lee 1980; scipy.signal.wiener, with the edges mirrored) draws every value to
    the mean of its 5 by 5 window, wholly where the window varies less than the noise would alone,
    hardly where it varies much more. The unsharp mask (a Gaussian of one pixel) is as strong as
    brings the result nearest to the picture given, by least squares over all channels: what was
    lost of its edges comes back, what was noise does not.

    Attributes:
        deviation: σ, the noise to take out, in units of 1/255; 0 to 100. 0 changes nothing.

    Raises:
        UsageError: the deviation is out of range.
    """

    strength: ClassVar = Strength(
        attack="purify", noun="standard deviation", low=0, high=100, example="purify:16"
    )

    deviation: int | float

    def _attacked(self, picture: Image.Image) -> Image.Image:
        pixels = np.asarray(picture, np.float64)
        clean = _denoised(pixels, noise=float(self.deviation) ** 2)
        sharp = _resharpened(clean, like=pixels)
        return Image.fromarray(sharp.round().clip(0, 255).astype(np.uint8))


@dataclass(frozen=True, slots=True, kw_only=True)
class PurifyLearned(ImageAttack):
    """What `sif.attacks.images.denoiser.Denoiser` makes of the picture.

    Two sets of weights come with SIF, both learnt from pictures of the mini worlds without any
    trigger: `informed` knows what changes triggers are allowed (bounded, and out of what ordinary
    patches hold), `gaussian` knows ordinary noise only. For pictures of another kind train others.

    Attributes:
        deviation: σ, the noise to take out, in units of 1/255; 0 to 100. None changes nothing.
        weights: one of `BUNDLED`, or a file that ends in .safetensors.

    Raises:
        UsageError: the deviation is out of range, or the weights are neither.
    """

    strength: ClassVar = Strength(
        attack="purify-learned",
        noun="standard deviation",
        low=0,
        high=100,
        example="purify-learned:16",
    )

    deviation: int | float
    weights: str = BUNDLED[0]

    def __post_init__(self) -> None:
        self.strength.check(self.deviation)
        if self.weights not in BUNDLED and not self.weights.endswith(SUFFIX):
            name, example = self.strength.attack, self.strength.example
            raise UsageError(
                f"expected as weights of {name} {' or '.join(BUNDLED)} or a file that "
                f"ends in {SUFFIX}, got {self.weights!r}; write for example {example} or "
                f"{example}@mine{SUFFIX}"
            )

    def __str__(self) -> str:
        own = "" if self.weights == BUNDLED[0] else f"@{self.weights}"
        return self.strength.text(self.deviation) + own

    @classmethod
    def read(cls, text: str) -> "PurifyLearned":
        """Reads `NUMBER` or `NUMBER@WEIGHTS`.

        Raises:
            UsageError: the number is missing or out of range, or the weights are none.
        """
        number, at, weights = text.partition("@")
        deviation = cls.strength.read(number)
        return cls(deviation=deviation, weights=weights if at else BUNDLED[0])

    def _attacked(self, picture: Image.Image) -> Image.Image:
        if self.deviation == 0:
            return picture.copy()
        import torch

        from sif.vlm.pixels import to_images, to_tensor

        level = torch.tensor([self.deviation / 255])
        with torch.inference_mode():
            clean = _denoiser(self.weights)(to_tensor([picture]), level)
        return to_images(clean.clamp(0, 1))[0]


def _denoised(pixels: Pixels, *, noise: float) -> Pixels:
    """Wiener's filter for noise of this variance."""
    from scipy.ndimage import uniform_filter

    window = (WINDOW, WINDOW, 1)
    mean = uniform_filter(pixels, window)
    variance = np.maximum(uniform_filter(pixels**2, window) - mean**2, 0)
    signal = np.maximum(variance - noise, 0)
    kept = np.divide(signal, variance, out=np.zeros_like(variance), where=variance > 0)
    cleaned: np.ndarray = mean + kept * (pixels - mean)
    return cleaned


def _resharpened(clean: Pixels, *, like: Pixels) -> Pixels:
    """Adds as much of the picture's own fine detail as brings it nearest to `like`."""
    from scipy.ndimage import gaussian_filter

    detail = clean - gaussian_filter(clean, (SHARPENED, SHARPENED, 0))
    power = float((detail**2).sum())
    amount = max(0.0, float(((like - clean) * detail).sum()) / power) if power else 0.0
    sharp: np.ndarray = clean + amount * detail
    return sharp


def bundled_weights(name: str) -> Path:
    """Where weights that come with SIF lie."""
    return Path(str(resources.files(__package__).joinpath("weights", f"{name}{SUFFIX}")))


@lru_cache(maxsize=8)
def _denoiser(weights: str):  # type: ignore[no-untyped-def]  # its type needs torch
    from sif.attacks.images.denoiser import load_denoiser

    return load_denoiser(bundled_weights(weights) if weights in BUNDLED else Path(weights))
