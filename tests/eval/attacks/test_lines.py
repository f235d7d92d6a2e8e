"""What answers mean, where it can be worked out by hand."""

import pytest

from sif.eval.attacks.grid import PLAIN, Attack
from sif.eval.attacks.lines import AttackLine, lines_of
from sif.eval.attacks.price import Price
from sif.eval.attacks.questions import AttackCell
from sif.eval.triggers.rows import Cell
from tests.eval.attacks.some import JPEG, ROUND, told, unmarked
from tests.eval.triggers.rows import STRANGER, cell

TRIGGERS = [f"{number:04d}" for number in range(1, 9)]


def _strong(green: int = 38) -> list[AttackCell]:
    return [told(PLAIN, trigger=trigger, green=green, scored=40) for trigger in TRIGGERS]


def _panel(image: str = "none", green: int = 20, seed: int = 0) -> list[Cell]:
    changes = {**STRANGER, "image_attack": image, "seed": seed}
    return [cell(trigger=t, green=green, scored=40, **changes) for t in TRIGGERS]


def _lines(cells: list[AttackCell], panel: list[Cell], *prices: Price) -> list[AttackLine]:
    return lines_of((PLAIN, JPEG, ROUND), cells, panel, prices)


def _price(attack: str, strength: str, seconds: float | None, theft: float | None = None) -> Price:
    return Price(
        family="llava",
        attack=attack,
        strength=strength,
        theft_seconds=theft,
        model_seconds=seconds,
        words_seconds=0.01,
    )


def test_evidence_kept_is_of_the_unattacked_source() -> None:
    worn = [told(ROUND, trigger=t, green=30, scored=40) for t in TRIGGERS]
    plain, less = _lines([*_strong(), *worn], _panel())
    assert plain.kept == 1
    assert less.kept == pytest.approx(less.evidence / plain.evidence)
    assert 0 < less.kept < 1


def test_thresholds_come_from_the_same_picture_of_the_same_set() -> None:
    seen = [told(JPEG, trigger=t, green=30, scored=40) for t in TRIGGERS]
    panel = [*_panel(green=39), *_panel("jpeg:75", 29), *_panel("jpeg:75", 39, seed=1)]
    (found,) = _lines(seen, panel)
    assert found.match == 1
    assert found.match_low == pytest.approx(0.025 ** (1 / 8))
    (beaten,) = _lines(seen, _panel("jpeg:75", 30))
    assert beaten.match == 0


def test_a_trigger_without_an_answer_was_asked_all_the_same() -> None:
    silent = told(PLAIN, trigger="0001", answered=False, green=None, scored=None, words=None)
    (whole,) = _lines(_strong(), _panel())
    (one,) = _lines([silent, *_strong()[1:]], _panel())
    assert (one.answered, one.triggers) == (7, 8)
    assert one.queries == (whole.queries or 0) + 1
    assert one.match == pytest.approx(7 / 8)
    assert one.evidence < whole.evidence


def test_sets_that_never_reach_the_bound_make_the_median_more() -> None:
    weak = [told(PLAIN, seed=seed, trigger=t, green=20) for t in TRIGGERS for seed in (1, 2)]
    (found,) = _lines([*_strong(), *weak], _panel())
    assert (found.sets, found.derived, found.queries) == (3, 1, None)


def test_an_audit_calibrated_on_a_panel_that_reacts_as_much_finds_nothing() -> None:
    many = [f"{number:04d}" for number in range(1, 25)]
    copy = [told(PLAIN, trigger=t, green=38, scored=40) for t in many]
    quiet = [cell(trigger=t, green=20, scored=40, **STRANGER) for t in many]
    moved = [cell(trigger=t, green=38, scored=40, **STRANGER) for t in many]
    assert [_lines(copy, panel)[0].calibrated for panel in (quiet, moved, [])] == [1, 0, 0]
    assert [_lines(copy, panel)[0].derived for panel in (quiet, moved, [])] == [1, 1, 1]


def test_utility_is_of_the_copys_job_and_facts_of_ordinary_answers() -> None:
    benign = [unmarked(ROUND, trigger=f"b{n}", facts=n / 2, shapes=0.25) for n in range(3)]
    job = [unmarked(ROUND, trigger=f"j{n}", asked="job", facts=1.0, shapes=None) for n in range(3)]
    (plain,) = _lines([told(ROUND), *benign], _panel())
    assert plain.utility == plain.facts == pytest.approx(0.5)
    assert plain.shapes == 0.25
    assert (plain.utility_low, plain.utility_high) == (0.0, 1.0)
    (tuned,) = _lines([told(ROUND), *benign, *job], _panel())
    assert (tuned.utility, tuned.facts) == (1.0, pytest.approx(0.5))


def test_innocents_have_neither_utility_nor_price() -> None:
    control = [told(PLAIN, suspect="sibling-c", role="innocent", trigger=t) for t in TRIGGERS]
    (found,) = _lines(control, _panel(), _price("none", "", 0.1))
    assert (found.utility, found.kept, found.slowdown, found.models) == (None, None, None, 1)


def test_slowdown_is_that_of_plain_serving_where_only_words_change() -> None:
    drop = Attack(kind="answers", panel="words", name="drop", strength="0.3", answers="drop:0.3")
    cells = [*_strong(), told(ROUND), told(drop)]
    prices = (
        _price("none", "", 0.09),
        _price("round", "3", 0.19, theft=2.5),
        _price("drop", "0.3", None),
    )
    plain, worn, dropped = lines_of((PLAIN, ROUND, drop), cells, _panel(), prices)
    assert [one.slowdown for one in (plain, worn, dropped)] == pytest.approx([1, 2, 1])
    assert [one.theft_seconds for one in (plain, worn, dropped)] == [None, 2.5, None]
    (*_, unknown) = lines_of(
        (PLAIN, ROUND), [told(ROUND)], _panel(), (prices[0], _price("round", "3", None))
    )
    assert unknown.slowdown is None
