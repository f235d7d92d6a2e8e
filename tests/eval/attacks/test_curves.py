"""The picture: what is drawn, and that names do not lie on each other."""

from itertools import pairwise

import pytest

from sif.eval.attacks.curves import (
    BESIDE,
    LABEL_GAP,
    Point,
    beside,
    curves,
    places,
    plots,
)
from tests.eval.attacks.some import line

LINES = [
    line(kind="none", panel="", attack="none", strength="", evidence=4.0, utility=1.0),
    line(strength="90", evidence=3.0),
    line(strength="75", evidence=1.0, utility=0.8),
    line(attack="int8", panel="worn", kind="weights", strength=""),
]


def test_a_curve_goes_from_the_plain_source_through_growing_strengths() -> None:
    found = curves(LINES)
    assert list(found) == ["pictures", "worn"]
    (jpeg,) = found["pictures"]
    assert [tuple(point) for point in jpeg.points] == [(100, 4), (90, 3), (80, 1)]


@pytest.mark.parametrize("heights", [[0.5] * 6, [0.99] * 12, [-0.2, 0.0, 1.4], [0.1, 0.9]])
def test_names_stand_apart_and_in_the_order_of_their_curves(heights: list[float]) -> None:
    found = dict(places(heights))
    assert sorted(found) == list(range(len(heights)))
    order = sorted(found, key=lambda number: found[number])
    assert [heights[number] for number in order] == sorted(heights)
    stood = sorted(found.values())
    assert all(b - a > LABEL_GAP - 1e-9 for a, b in pairwise(stood))
    assert stood[-1] < 1


def test_both_kinds_of_file_are_drawn() -> None:
    files = plots(LINES)
    assert list(files) == ["attacks-llava.svg", "attacks-llava.png"]
    assert b"</svg>" in files["attacks-llava.svg"]
    assert files["attacks-llava.png"].startswith(b"\x89PNG")


def test_curves_that_cost_nothing_are_drawn_beside_each_other_from_one_start() -> None:
    points = [Point(100, 4), Point(100, 2), Point(100, 1)]
    drawn = [beside(points, number, 3) for number in range(3)]
    assert {some[0] for some in drawn} == {points[0]}
    assert [some[1].x - 100 for some in drawn] == pytest.approx([-BESIDE, 0, BESIDE])
    assert all([point.y for point in some] == [4, 2, 1] for some in drawn)
