"""How freely a model chooses each word: weights with which words count.

A word that had to come says nothing about a key, and only dilutes the count. The freedom of a
position in the model's own answer to a base image is the Gini index of its next-token distribution,
h_t = 1 − Σ_v p_t(v)². The weight of id v is

    w(v) = √((Σ_t p_t(v)·h_t + h̄) / (Σ_t p_t(v) + 1)),   h̄ = mean of h_t,

scaled so that the words of those answers weigh 1 on average; an id that never was likely weighs as
much as the average. Base images, prompts and model are all that enters: no key, no trigger, and no
suspect's answer, so that the null of `sif.ownership.weighted` stays exact.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image

from sif.types import GenerationSettings
from sif.vlm.answer_parts import Part, visit_parts
from sif.vlm.model import Vlm
from sif.vlm.pixels import to_tensor


def word_weights(
    vlm: Vlm,
    images: Sequence[Image.Image],
    prompts: Sequence[str],
    *,
    generation: GenerationSettings,
    batch_size: int,
) -> Float[np.ndarray, " vocab"]:
    """A weight for every id of the tokenizer, positive, about 1.

    Args:
        vlm: the owner's model.
        images: base images at the model's native extent.
        prompts: one for each image.
        generation: settings of the answers.
        batch_size: images answered together.
    """
    vocab = vlm.vocabulary_size
    likely, free = np.zeros(vocab), np.zeros(vocab)
    freedom = positions = 0.0
    for extent in dict.fromkeys(image.size for image in images):
        pairs = [
            (image, prompt)
            for image, prompt in zip(images, prompts, strict=True)
            if image.size == extent
        ]
        for start in range(0, len(pairs), batch_size):
            some = pairs[start : start + batch_size]
            tables = _answer_chances(vlm, [p[0] for p in some], [p[1] for p in some], generation)
            for found in tables:
                likely += found.likely[:vocab]
                free += found.free[:vocab]
                freedom, positions = freedom + found.freedom, positions + found.positions
    mean = freedom / max(1.0, positions)
    weights = np.sqrt((free + mean) / (likely + 1.0))
    usual = (likely @ weights) / likely.sum() if likely.sum() else 0.0
    return weights / usual if usual > 0.0 else np.ones(vocab)


class _Sums(NamedTuple):
    """Σ_t p_t, Σ_t p_t h_t and Σ_t h_t over so many positions."""

    likely: Float[np.ndarray, " vocab"]
    free: Float[np.ndarray, " vocab"]
    freedom: float
    positions: int


@torch.no_grad()
def _answer_chances(
    vlm: Vlm, images: Sequence[Image.Image], prompts: Sequence[str], generation: GenerationSettings
) -> list[_Sums]:
    """Of the next-token distributions along the model's own answers, a few positions each."""
    answers = vlm.generate(images, prompts, generation)
    if not any(answers):
        return []
    pixels = to_tensor(list(images)).to(vlm.device)
    return visit_parts(vlm, pixels, prompts, answers, _sums).parts


def _sums(part: Part) -> _Sums:
    chances = part.logits[part.ids[:, part.where] >= 0].softmax(-1).double().cpu().numpy()
    h = 1.0 - (chances**2).sum(-1)
    return _Sums(chances.sum(0), (chances * h[:, None]).sum(0), float(h.sum()), len(h))
