"""What every detector of triggers is: a score for each picture. Knows nothing of single ones."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from PIL import Image


class Detector(ABC):
    """Scores pictures without key and model; a threshold comes from benign pictures' scores.

    Attributes:
        name: in tables and in the names of suspects.
    """

    name: ClassVar[str]

    @abstractmethod
    def scores(self, pictures: Sequence[Image.Image]) -> Float[np.ndarray, " pictures"]:
        """One number for each picture, in their order; higher is more like a trigger."""
