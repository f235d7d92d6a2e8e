"""A detector that learns nothing: how much fine detail a picture has where it is smoothest."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from PIL import Image

from sif.attacks.adaptive.detector import Detector


class Residual(Detector):
    """Median, in 1/255, of how far values lie from the mean of their 3 by 3 neighbourhood.

    Edges are few, so the median passes over them; a perturbation is everywhere.
    """

    name: ClassVar[str] = "residual"

    def scores(self, pictures: Sequence[Image.Image]) -> Float[np.ndarray, " pictures"]:
        """Of pictures of any extent."""
        return np.array([_score(picture) for picture in pictures])


def _score(picture: Image.Image) -> float:
    from scipy.ndimage import uniform_filter

    pixels = np.asarray(picture.convert("RGB"), np.float64)
    return float(np.median(np.abs(pixels - uniform_filter(pixels, (3, 3, 1)))))
