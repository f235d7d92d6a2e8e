"""A detector: how much a picture holds that ordinary pictures lack.

The thief learns from his own benign pictures what ordinary patches hold, as the owner did
(`sif.content`). Triggers that keep out of it put all their change where it is looked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from jaxtyping import Float
from PIL import Image

from sif.attacks.adaptive.detector import Detector
from sif.content import ContentSpace, learn_content
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
            UsageError: too few pictures, or patches that do not fill them.
        """
        return cls(learn_content(pictures, tile=tile, share=share))

    def scores(self, pictures: Sequence[Image.Image]) -> Float[np.ndarray, " pictures"]:
        """Of pictures whose sides are multiples of the patch; what hangs over is cut off.

        Raises:
            UsageError: a picture smaller than a patch.
        """
        return np.array([self._score(picture) for picture in pictures])

    def _score(self, picture: Image.Image) -> float:
        tile = self.content.tile
        width, height = (max(tile, side - side % tile) for side in picture.size)
        outside = self.content.removed_from(to_tensor([picture.crop((0, 0, width, height))]))
        return 255 * float(outside.square().mean().sqrt())
