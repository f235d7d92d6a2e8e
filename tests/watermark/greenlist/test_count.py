from math import isclose

import numpy as np
import pytest

from sif.errors import UsageError
from sif.watermark.greenlist.count import GreenCount, count_green, distinct_ids, z_score

MASK = np.array([True, False, True, False, True, False])


def test_repeated_tokens_count_once() -> None:
    assert count_green([0, 0, 0, 1, 1], MASK) == GreenCount(green=1, scored=2)


def test_special_tokens_are_not_scored() -> None:
    assert count_green([0, 1, 2, 3], MASK, ignore=frozenset({0, 3})) == GreenCount(
        green=1, scored=2
    )


def test_ids_outside_the_vocabulary_are_not_scored() -> None:
    assert count_green([-100, -1, 0, 5, 6, 99], MASK) == GreenCount(green=1, scored=2)


def test_an_empty_answer_scores_nothing() -> None:
    assert count_green([], MASK) == GreenCount(green=0, scored=0)


def test_repeats_of_a_trigger_are_one_cluster() -> None:
    ids = distinct_ids([[0, 1, 1], [1, 2], []], frozenset({0}))
    assert ids == {1, 2}
    assert count_green(ids, MASK) == GreenCount(green=1, scored=2)


def test_the_z_score_is_that_of_the_paper() -> None:
    score = z_score(GreenCount(green=40, scored=64), gamma=0.5)
    assert score is not None
    assert isclose(score, 2.0)


def test_nothing_scored_has_no_z_score() -> None:
    assert z_score(GreenCount(green=0, scored=0), gamma=0.5) is None


@pytest.mark.parametrize(("green", "scored"), [(-1, 3), (4, 3)])
def test_impossible_counts_are_refused(green: int, scored: int) -> None:
    with pytest.raises(UsageError, match="expected 0 ≤ green ≤ scored"):
        GreenCount(green=green, scored=scored)
