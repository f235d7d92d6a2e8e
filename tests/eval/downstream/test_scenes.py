import numpy as np
import torch

from sif.eval.downstream.scenes import GRID, middle_colours, segments
from sif.mini.render import BACKGROUNDS, COLOURS


def test_the_middle_of_a_picture_has_the_colour_of_its_label() -> None:
    task = middle_colours(train=20, test=10)
    assert (len(task.train), len(task.test), task.classes) == (20, 10, 8)
    right = 0
    for image, label in zip(task.train.images, task.train.labels.tolist(), strict=True):
        middle = np.asarray(image, float)[24:48, 24:48].reshape(-1, 3) / 255
        away = np.linalg.norm(middle[:, None] - COLOURS[None], axis=-1)
        near = away.argmin(1)[away.min(1) < 0.15]
        right += bool(len(near)) and np.bincount(near, minlength=8).argmax() == label
    assert right >= 18


def test_fields_have_the_colour_of_their_label_and_empty_ones_the_backgrounds() -> None:
    task = segments(train=8, test=2)
    assert task.train.labels.shape == (8, GRID, GRID)
    for image, labels in zip(task.train.images, task.train.labels, strict=True):
        seen = np.asarray(image, float)[1::3, 1::3] / 255
        for colour in range(8):
            fields = seen[labels.numpy() == colour + 1]
            if len(fields):
                assert np.abs(np.median(fields, 0) - COLOURS[colour]).max() < 0.2
        empty = np.median(seen[labels.numpy() == 0], 0)
        assert np.abs(BACKGROUNDS - empty).max(1).min() < 0.1
    assert 0.02 < (task.train.labels > 0).float().mean() < 0.5


def test_the_seed_decides_the_scenes() -> None:
    first, again, other = (segments(train=3, test=1, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.train.labels, again.train.labels)
    assert not torch.equal(first.train.labels, other.train.labels)
