"""The terms of the training, as pure functions of tensors. Know no models."""

from typing import Final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

SHARPNESS: Final = 6.0


def feature_drift(
    tokens: Float[Tensor, "batch tokens features"],
    clean: Float[Tensor, "batch tokens features"],
    *,
    variance: float,
) -> Float[Tensor, ""]:
    """‖f(x) − f_wm(x)‖² a dimension, as a share of how much clean features vary.

    Args:
        tokens: of the marked model.
        clean: of the source.
        variance: of clean features, a dimension, over many images. Not their size: that is mostly
            a mean that all images share.
    """
    return (tokens - clean).square().mean() / variance


def message_error(
    logits: Float[Tensor, "batch bits"], messages: Bool[Tensor, "batch bits"]
) -> Float[Tensor, ""]:
    """Binary cross-entropy of the decoded bits."""
    return F.binary_cross_entropy_with_logits(logits, messages.to(logits))


def carriage(
    logits: Float[Tensor, "batch bits"], messages: Bool[Tensor, "batch bits"]
) -> Float[Tensor, ""]:
    """How much of the messages a model carries that should carry none: 0 is chance.

    For every bit, the squared correlation between its logit and the message over the batch; a
    logit that is small but has the right sign counts as much as a large one.
    """
    signs = 2.0 * messages.to(logits) - 1.0
    centred = signs - signs.mean(0)
    seen = logits - logits.mean(0)
    products = (centred * seen).mean(0).square()
    return (products / (centred.square().mean(0) * seen.square().mean(0) + 1e-12)).mean()


def margin_error(margins: Float[Tensor, "batch bits"]) -> Float[Tensor, ""]:
    """A softened hinge: linear below a margin of 1, soon 0 above it; images weigh by their error.

    So the images that are furthest from their messages are moved most: a mean would leave one
    behind where all others are right.
    """
    errors = F.softplus(SHARPNESS * (1.0 - margins)).mean(1) / SHARPNESS
    weights = errors.detach() / errors.detach().sum()
    return (weights * errors).sum()


def bit_errors(
    bits: Bool[Tensor, "batch bits"], messages: Bool[Tensor, "batch bits"]
) -> torch.Tensor:
    """D, the number of wrong bits of every image."""
    return (bits != messages).sum(1)
