"""Pictures with labels, of whole pictures or of their parts. Knows nothing of models."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Int
from PIL import Image
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Pictures and what they show.

    Attributes:
        images: of any size.
        labels: a class for each picture, or one for each field of a grid laid over it, from 0.
    """

    images: Sequence[Image.Image]
    labels: Int[Tensor, "images ..."]

    def __len__(self) -> int:
        return len(self.images)
