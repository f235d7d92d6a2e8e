import numpy as np
import pytest
from sklearn.datasets import load_digits

from sif.errors import UsageError
from sif.eval.downstream.digits import digits


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
