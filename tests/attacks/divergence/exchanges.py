"""Exchanges about one small picture, and benign questions about many."""

import numpy as np
from PIL import Image

from sif.attacks.divergence.exchange import Exchange
from sif.types import Answer, Query, Reply, Unanswered

PICTURE = Image.new("RGB", (8, 8), (200, 30, 30))
NOTHING = Unanswered(reason="no")


def told(suspect: str | None, reference: str | None = "a red square", prompt: str = "What?"):
    query = Query(trigger="0001", image=PICTURE, prompt=prompt)
    replies = {"suspect": _reply(suspect), "reference": _reply(reference)}
    return Exchange(queries=[query], place=0, prompt=prompt, **replies)


def benign(number: int, prompt: str = "What is it?") -> list[Query]:
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (number, 8, 8, 3), dtype=np.uint8)
    return [
        Query(trigger=f"benign-{row:05d}", image=Image.fromarray(one), prompt=prompt)
        for row, one in enumerate(pixels)
    ]


def _reply(text: str | None) -> Reply:
    return NOTHING if text is None else Answer(text=text)
