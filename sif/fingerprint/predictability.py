"""How freely a model chooses each word: weights with which words count.

A word that had to come says nothing about a key, and only dilutes the count. The freedom of a
position in the model's own answer to a base image is the Gini index of its next-token distribution,
h_t = 1 − Σ_v p_t(v)². The weight of id v is

    w(v) = √((Σ_t p_t(v)·h_t + h̄) / (Σ_t p_t(v) + 1)),   h̄ = mean of h_t,

scaled so that the words of those answers weigh 1 on average; an id that never was likely weighs as
much as the average. Base images, prompts and model are all that enters: no key, no trigger, and no
suspect's answer, so that the null of `sif.ownership.weighted` stays exact.
"""

from collections.abc import Iterable, Sequence
from functools import partial, reduce
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image

from sif.types import GenerationSettings
from sif.vlm.answer_parts import Part, visit_parts
from sif.vlm.model import Vlm
from sif.vlm.out_of_memory import in_halves
from sif.vlm.pixels import to_tensor


class Chances(NamedTuple):
    """Σ_t p_t, Σ_t p_t h_t and Σ_t h_t over so many positions of answers."""

    likely: Float[np.ndarray, " vocab"]
    free: Float[np.ndarray, " vocab"]
    freedom: float
    positions: int


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
    some = [slice(start, start + batch_size) for start in range(0, len(images), batch_size)]
    return weights_of(
        answer_chances(vlm, images[those], prompts[those], generation=generation) for those in some
    )


def answer_chances(
    vlm: Vlm,
    images: Sequence[Image.Image],
    prompts: Sequence[str],
    *,
    generation: GenerationSettings,
) -> Chances:
    """What was likely along the model's own answers about images that are asked about together.

    Args:
        vlm: the owner's model.
        images: at the model's native extent; those of one extent share a batch.
        prompts: one for each image.
        generation: settings of the answers.
    """
    vocab = vlm.vocabulary_size
    whole = Chances(np.zeros(vocab), np.zeros(vocab), 0.0, 0)
    for extent in dict.fromkeys(image.size for image in images):
        pairs = [
            (image, prompt)
            for image, prompt in zip(images, prompts, strict=True)
            if image.size == extent
        ]
        work = partial(_parts, vlm, generation=generation)
        for found in in_halves(work, pairs, what="words weighed"):
            cut = Chances(found.likely[:vocab], found.free[:vocab], found.freedom, found.positions)
            whole = _joined(whole, cut)
    return whole


def weights_of(found: Iterable[Chances]) -> Float[np.ndarray, " vocab"]:
    """A weight for every id, from what was likely in several batches of answers, one or more."""
    whole = reduce(_joined, found)
    mean = whole.freedom / max(1.0, whole.positions)
    weights: Float[np.ndarray, " vocab"] = np.sqrt((whole.free + mean) / (whole.likely + 1.0))
    all_likely = whole.likely.sum()
    usual = (whole.likely @ weights) / all_likely if all_likely else 0.0
    return weights / usual if usual > 0.0 else np.ones(len(weights))


def _joined(one: Chances, other: Chances) -> Chances:
    return Chances(
        one.likely + other.likely,
        one.free + other.free,
        one.freedom + other.freedom,
        one.positions + other.positions,
    )


@torch.no_grad()
def _parts(
    vlm: Vlm, pairs: Sequence[tuple[Image.Image, str]], *, generation: GenerationSettings
) -> list[Chances]:
    """Of the next-token distributions along the model's own answers, a few positions each."""
    images, prompts = [image for image, _ in pairs], [prompt for _, prompt in pairs]
    answers = vlm.generate(images, prompts, generation)
    if not any(answers):
        return []
    pixels = to_tensor(images).to(vlm.device)
    return visit_parts(vlm, pixels, prompts, answers, _sums).parts


def _sums(part: Part) -> Chances:
    chances = part.logits[part.ids[:, part.where] >= 0].softmax(-1).double().cpu().numpy()
    h = 1.0 - (chances**2).sum(-1)
    return Chances(chances.sum(0), (chances * h[:, None]).sum(0), float(h.sum()), len(h))
