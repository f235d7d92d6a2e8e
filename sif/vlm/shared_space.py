"""The space that pictures and words share in a vision-language model: its language model's inputs.

A tower such as CLIP's has a joint space of its own, but models carry no text tower: what is left of
the joint space is where the projector puts pictures among the input embeddings of words. A picture
is there the mean of its image tokens behind the projector, a text the mean of its tokens' input
embeddings. Knows nothing of losses.
"""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from sif.errors import ModelError
from sif.vlm.model import Vlm


def picture_embeddings(
    vlm: Vlm, images: Float[Tensor, "batch 3 height width"], prompts: Sequence[str]
) -> Float[Tensor, "batch hidden"]:
    """The mean image token of every picture, with the gradient to it.

    Args:
        vlm: the model; its language model is not run.
        images: floats in [0, 1], at the native extent.
        prompts: plain words, one for each image; they do not change what comes out.

    Raises:
        ModelError: the model does not say what it makes of a picture alone.
    """
    method = getattr(vlm.model, "get_image_features", None)
    if method is None:
        raise ModelError(
            f"{vlm.source}: expected a model with get_image_features, got "
            f"{type(vlm.model).__name__} without; leave out the semantic term (semantic_weight: 0)"
        )
    inputs, names = vlm.encode(images, prompts), inspect.signature(method).parameters
    found = method(**{name: value for name, value in inputs.items() if name in names})
    rows: Any = getattr(found, "pooler_output", found)
    if isinstance(rows, Tensor) and rows.ndim == 2:  # packed, one picture behind the other
        rows = rows.unflatten(0, (len(images), -1))
    if len(rows) != len(images):
        raise ModelError(
            f"{vlm.source}: expected image tokens for each of {len(images)} pictures, got "
            f"{len(rows)} groups; leave out the semantic term (semantic_weight: 0)"
        )
    return torch.stack([row.flatten(0, -2).float().mean(0) for row in rows])


@torch.no_grad()
def text_embeddings(vlm: Vlm, texts: Sequence[Sequence[int]]) -> Float[Tensor, "batch hidden"]:
    """The mean input embedding of the tokens of every text.

    Args:
        vlm: the model.
        texts: token ids, at least one in each.
    """
    table = vlm.model.get_input_embeddings()
    means = [table(torch.tensor(list(ids), device=table.weight.device)).mean(0) for ids in texts]
    return torch.stack(means).float()


def cosines(
    pictures: Float[Tensor, "batch hidden"], texts: Float[Tensor, "batch hidden"]
) -> Float[Tensor, " batch"]:
    """Cosine of every picture to its text, in [−1, 1]."""
    return F.cosine_similarity(pictures, texts.to(pictures.device), dim=-1)
