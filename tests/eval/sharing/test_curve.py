import re
from typing import Any

import pytest

from sif.eval.sharing.curve import Told, Truth, as_markdown, as_picture, points
from tests.eval.triggers.rows import cell

SHARES = {"sibling-b": 0.0, "tower": 0.36, "full-same": 1.0, "source": 1.0}
GREENS = {"sibling-b": 20, "tower": 24, "full-same": 30, "source": 34}


def told(relative: str, **changes: Any) -> Told:
    fields: dict[str, Any] = {"suspect": relative, "green": GREENS[relative]}
    return Told(**cell(**fields | changes).model_dump(), share=SHARES[relative])


def truth(relative: str, **changes: Any) -> Truth:
    fields: dict[str, Any] = {
        "family": "llava",
        "relative": relative,
        "share": SHARES[relative],
        "steps": None,
        "seconds": None,
        "facts": 0.994,
        "worst": "shape",
        "worst_facts": 0.9,
    }
    return Truth(**(fields | changes))


ROWS = [
    told(relative, trigger=f"{number:04d}", green=GREENS[relative] + number % 2)
    for relative in SHARES
    for number in range(8)
]
TRUTHS = [
    truth("tower", steps=600, seconds=123.4) if relative == "tower" else truth(relative)
    for relative in SHARES
]


def test_evidence_grows_with_the_green_share_and_only_much_of_it_is_a_verdict() -> None:
    four = sibling, tower, tuned, source = points(ROWS)
    assert (sibling.relative, sibling.share, sibling.triggers) == ("sibling-b", 0.0, 8)
    assert sibling.evidence < 0 < tower.evidence < tuned.evidence < source.evidence
    assert [point.derived for point in four] == [False, False, True, True]
    assert source.green is not None
    assert source.green.value == pytest.approx(34.5 / 40)
    assert source.highest == pytest.approx(8 * source.evidence)


def test_the_interval_is_over_triggers() -> None:
    (even,) = points([told("source", trigger=f"{number}") for number in range(8)])
    assert even.green == pytest.approx((0.85, 0.85, 0.85))
    (uneven,) = points([told("source", trigger=f"{n}", green=30 + 8 * (n % 2)) for n in range(8)])
    assert uneven.green is not None
    assert uneven.green.low is not None
    assert uneven.green.low < 0.85 - 0.05


def test_silence_is_no_evidence_and_is_said() -> None:
    silent = told("source", trigger="0002", answered=False, green=None, scored=None)
    alone, half = points([told("tower")]), points([told("source"), silent])
    assert half[0].evidence == pytest.approx(points([told("source")])[0].evidence / 2)
    assert alone[0].answered == 1
    text = as_markdown(half, TRUTHS)
    assert "not shown (1 of 2 answered)" in text
    (nothing,) = points([silent])
    assert (nothing.green, nothing.evidence, nothing.highest) == (None, 0.0, 0.0)
    assert "| source | 100.0% | 99.4% (shape 90.0%) | – | 0.00 | 0.0 |" in as_markdown(
        [nothing], TRUTHS
    )
    assert as_picture([nothing]).startswith(b"<?xml")


def test_the_table_has_a_row_for_every_relative_and_its_training() -> None:
    text = as_markdown(points(ROWS), TRUTHS)
    rows = re.findall(r"^\| (\S+) \| ([\d.]+%) .* \| (\S.*) \|$", text, re.MULTILINE)
    assert rows == [
        ("sibling-b", "0.0%", "not shown"),
        ("tower", "36.0%", "not shown"),
        ("full-same", "100.0%", "DERIVED"),
        ("source", "100.0%", "DERIVED"),
    ]
    assert "| 51.2% (" in text
    assert "| tower | 600 | 123 |" in text
    assert "| source | None" not in text


def test_the_picture_names_everybody_and_every_method() -> None:
    both = [*ROWS, *(row.model_copy(update={"method": "sif@steps=9"}) for row in ROWS)]
    picture = as_picture(points(both)).decode()
    texts = {text.strip() for text in re.findall(r"<!-- (.*?) -->", picture)}
    assert {"sibling-b", "tower", "full-same, source", "sif", "sif@steps=9"} <= texts
