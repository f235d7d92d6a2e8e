"""A purifier: takes out what looks like noise, then makes what is left as sharp as it was.

It learns nothing and knows no triggers; a denoiser that was trained is another attack.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float
from PIL import Image

from sif.attacks.images.attack import ImageAttack
from sif.attacks.strength import Strength

REMOVED: Final = Strength(
    attack="purify", noun="standard deviation", low=0, high=100, example="purify:16"
)
WINDOW: Final = 5
SHARPENED: Final = 1.0

Pixels = Float[np.ndarray, "height width 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Purify(ImageAttack):
    """Wiener's adaptive filter, then an unsharp mask.

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

    deviation: int | float

    def __post_init__(self) -> None:
        REMOVED.check(self.deviation)

    def __str__(self) -> str:
        return REMOVED.text(self.deviation)

    def _attacked(self, picture: Image.Image) -> Image.Image:
        pixels = np.asarray(picture, np.float64)
        clean = _denoised(pixels, noise=float(self.deviation) ** 2)
        sharp = _resharpened(clean, like=pixels)
        return Image.fromarray(sharp.round().clip(0, 255).astype(np.uint8))


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
