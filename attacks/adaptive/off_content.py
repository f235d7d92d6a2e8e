"""A detector: how much a picture holds that ordinary pictures lack.

The thief learns from his own benign pictures what ordinary patches hold, as the owner did
(`sif.fingerprint.content`). Triggers that keep out of it put all their change where it is
looked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from jaxtyping import Float
from PIL import Image

from sif.attacks.adaptive.detector import Detector
from sif.errors import UsageError
from sif.fingerprint.content import ContentSpace, learn_content
from sif.vlm.pixels import to_tensor

SHARE: Final = 0.99


@dataclass(frozen=True, slots=True, eq=False)
class OffContent(Detector):
    """Root mean square, in 1/255, of what lies outside the content of every patch.

    Args:
        content: of the thief's own pictures.
    """

    content: ContentSpace
    name: ClassVar[str] = "off-content"

    @classmethod
    def fit(
        cls, pictures: Sequence[Image.Image], *, tile: int, share: float = SHARE
    ) -> "OffContent":
        """Learns from benign pictures.

        Args:
            pictures: of one kind with those that will be scored.
            tile: side of a patch; the stolen model's folder says it.
            share: of the variance that counts as content.

        Raises:
            UsageError: too few pictures, or one that is smaller than a patch.
        """
        whole = [_whole_patches(picture, tile) for picture in pictures]
        return cls(learn_content(whole, tile=tile, share=share))

    def scores(self, pictures: Sequence[Image.Image]) -> Float[np.ndarray, " pictures"]:
        """Of pictures of any extents; what hangs over the last whole patches is cut off.

        Raises:
            UsageError: a picture smaller than a patch.
        """
        return np.array([self._score(picture) for picture in pictures])

    def _score(self, picture: Image.Image) -> float:
        patches = to_tensor([_whole_patches(picture, self.content.tile)])
        return 255 * float(self.content.removed_from(patches).square().mean().sqrt())


def _whole_patches(picture: Image.Image, tile: int) -> Image.Image:
    width, height = (side - side % tile for side in picture.size)
    if not width or not height:
        raise UsageError(
            f"expected pictures of at least {tile} pixels a side, one patch, got "
            f"{picture.width} x {picture.height}"
        )
    return picture.crop((0, 0, width, height))
