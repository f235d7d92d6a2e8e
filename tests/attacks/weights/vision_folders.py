"""Folders of small untrained vision models, and labelled pictures for them."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from sif.attacks.weights.labelled import Labelled
from sif.vlm.folder import save_model
from tests.marks.towers import make


def write(kind: str, folder: Path, *, seed: int = 0) -> Path:
    """A vision model as a plain folder."""
    model, processor = make(kind, seed=seed)
    save_model(model, processor, folder)
    return folder


def halves(number: int, *, fields: bool = False) -> Labelled:
    """Pictures whose one half is red or blue: which colour, or field by field whether coloured."""
    rng = np.random.default_rng(5)
    colours, images, maps = rng.integers(0, 2, number), [], []
    for colour, side in zip(colours, rng.integers(0, 2, number), strict=True):
        array = rng.integers(0, 60, (32, 32, 3)).astype(np.uint8)
        array[:, 16 * side : 16 * (side + 1), 2 * colour] += 180
        images.append(Image.fromarray(array))
        bright = np.zeros((8, 8), np.int64)
        bright[:, 4 * side : 4 * (side + 1)] = 1
        maps.append(bright)
    labels = np.stack(maps) if fields else colours
    return Labelled(images=images, labels=torch.from_numpy(labels).long())
