"""Questions for the tests of suspects."""

import numpy as np
from PIL import Image

from sif.types import GenerationSettings, Query


def question(number: int, **settings: float) -> Query:
    """A question about noise; each number is another picture."""
    pixels = np.random.default_rng(number).integers(0, 256, (72, 72, 3), dtype=np.uint8)
    return Query(
        trigger=f"{number:04d}",
        image=Image.fromarray(pixels),
        prompt="Describe the image in detail.",
        generation=GenerationSettings.model_validate({"max_new_tokens": 12} | settings),
    )


def questions(count: int, **settings: float) -> list[Query]:
    """The first questions."""
    return [question(number, **settings) for number in range(count)]
