import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from sif.errors import UsageError
from sif.eval.downstream.tasks import GRID, digits, middle_colours, segments
from sif.mini.render import BACKGROUNDS, COLOURS


def test_test_digits_are_the_same_whatever_is_learnt_from() -> None:
    small, other = digits(train=50, seed=1), digits(train=80, seed=2)
    assert len(small.test) == 500
    assert small.test.labels.tolist() == other.test.labels.tolist()


def test_no_digit_is_both_learnt_and_tested() -> None:
    task = digits()
    assert len(task.train) + len(task.test) == len(load_digits().images) == 1797
    shown = {image.tobytes() for image in task.train.images}
    assert not shown & {image.tobytes() for image in task.test.images}


def test_a_picture_shows_its_scan() -> None:
    data, task = load_digits(), digits(train=20)
    small = [np.asarray(image.convert("L").resize((8, 8)), float) for image in task.train.images]
    for label, picture in zip(task.train.labels.tolist(), small, strict=True):
        distances = np.abs(data.images * 255 / 16 - picture).mean((1, 2))
        assert data.target[distances.argmin()] == label
        assert distances.min() < 25


def test_more_digits_than_there_are_are_refused() -> None:
    with pytest.raises(UsageError, match="1 to 1297"):
        digits(train=1298)


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
