"""How much a trigger differs from its base image, in numbers that need no trained model.

Knows nothing of how triggers are made.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image

from sif.vlm.pixels import to_tensor


class Stealth(NamedTuple):
    """Largest change in units of 1/255, PSNR in dB, SSIM and HaarPSI (1 where nothing changed)."""

    largest_change: int
    psnr: float
    ssim: float
    haarpsi: float


def stealth(image: Image.Image, base: Image.Image) -> Stealth:
    """Compares a picture with the one that it was made from; both of one size."""
    import piq

    levels = [np.asarray(picture.convert("RGB"), np.int16) for picture in (image, base)]
    pair = to_tensor([image]), to_tensor([base])
    return Stealth(
        largest_change=int(np.abs(levels[0] - levels[1]).max()),
        psnr=float(piq.psnr(*pair)),
        ssim=float(piq.ssim(*pair)),
        haarpsi=float(piq.haarpsi(*pair)),
    )
