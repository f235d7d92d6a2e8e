"""Handwritten digits: scikit-learn's bundled 1,797 scans of 8 x 8 pixels (UCI, real data)."""

from typing import Final

import numpy as np
import torch
from PIL import Image

from sif.attacks.weights.labelled import Labelled
from sif.errors import UsageError
from sif.eval.downstream.task import Task

SIDE: Final = 64
TRAIN: Final = 1297


def digits(*, train: int = TRAIN, seed: int = 0) -> Task:
    """The task of telling which digit it is.

    Args:
        train: pictures to learn from, at most 1,297; the other 500 are always the same test.
        seed: of the order in which pictures are taken to learn from.

    Raises:
        UsageError: scikit-learn is missing, or more pictures are wanted than there are.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise UsageError(f"expected scikit-learn, which brings digits ({error})") from error
    if not 1 <= train <= TRAIN:
        raise UsageError(f"expected 1 to {TRAIN} digits to learn from, got {train}")
    data = load_digits()
    order = np.random.default_rng(17).permutation(len(data.images))
    chosen = np.random.default_rng(seed).permutation(order[:TRAIN])[:train]
    return Task(
        name="digits",
        classes=10,
        train=_labelled(data, chosen),
        test=_labelled(data, order[TRAIN:]),
    )


def _labelled(data: object, chosen: np.ndarray) -> Labelled:
    images, labels = data.images[chosen], data.target[chosen]  # type: ignore[attr-defined]
    return Labelled(
        images=[_picture(image) for image in images], labels=torch.from_numpy(labels.copy()).long()
    )


def _picture(image: np.ndarray) -> Image.Image:
    grey = Image.fromarray(np.rint(image * 255 / 16).astype(np.uint8))
    return grey.resize((SIDE, SIDE), Image.Resampling.BICUBIC).convert("RGB")
