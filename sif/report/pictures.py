"""Trigger images for the page: data URIs, the amplified difference and how large the change is.

Knows nothing of triggers' purpose, HTML or files.
"""

import base64
import io
from dataclasses import dataclass
from math import inf, log10
from typing import Final

import numpy as np
from PIL import Image

from sif.errors import FingerprintError
from sif.report.page import TriggerView

AMPLIFICATION: Final = 8
GREY: Final = 128
LARGEST_LOSSLESS: Final = 128
PREVIEW_SIDE: Final = 256
THUMB_SIDE: Final = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """A trigger's three pictures as data URIs, and the size of the change.

    Attributes:
        thumb: the trigger once more, no larger than its place in the text.
        size: width and height of the pictures themselves.
        largest_change: largest absolute difference of a channel, in steps of 1/255.
        budget: the largest that it may be, in the same steps.
        psnr: peak signal-to-noise ratio in dB; infinite where nothing changed.
        pixelated: the pictures are so small that they are to be shown as they are.
    """

    base: str
    image: str
    difference: str
    thumb: str
    size: tuple[int, int]
    largest_change: int
    budget: float
    psnr: float
    pixelated: bool

    @property
    def within_budget(self) -> bool:
        """Whether the change keeps to the budget."""
        return self.largest_change <= self.budget + 1e-6


def pictures(trigger: TriggerView) -> Pictures:
    """Compares a trigger with its base image.

    Raises:
        FingerprintError: the two differ in size.
    """
    if trigger.base.size != trigger.image.size:
        raise FingerprintError(
            f"trigger {trigger.id}: expected a base image of {trigger.image.size}, got "
            f"{trigger.base.size}; make the fingerprint again, or restore its base image"
        )
    base, image = _pixels(trigger.base), _pixels(trigger.image)
    change = image - base
    amplified = np.clip(GREY + AMPLIFICATION * change, 0, 255).astype(np.uint8)
    error = float(np.mean(np.square(change / 255)))
    return Pictures(
        base=data_uri(trigger.base),
        image=data_uri(trigger.image),
        difference=data_uri(Image.fromarray(amplified)),
        thumb=data_uri(trigger.image, side=THUMB_SIDE),
        size=trigger.image.size,
        largest_change=int(np.abs(change).max()),
        budget=255 * trigger.epsilon,
        psnr=-10 * log10(error) if error else inf,
        pixelated=max(trigger.image.size) <= LARGEST_LOSSLESS,
    )


def data_uri(image: Image.Image, *, side: int = PREVIEW_SIDE) -> str:
    """The image as a data URI: small ones as lossless PNG, larger ones as a JPEG preview."""
    image, stream = image.convert("RGB"), io.BytesIO()
    if max(image.size) <= LARGEST_LOSSLESS:
        image.save(stream, "PNG", optimize=True)
        kind = "png"
    else:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        image.save(stream, "JPEG", quality=88)
        kind = "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def _pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"), dtype=np.int16)
