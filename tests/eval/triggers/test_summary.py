import pytest

from sif.eval.triggers.overview import as_everybody
from sif.eval.triggers.summary import summarise
from tests.eval.triggers.rows import STRANGER, WANTED, cell


def test_thresholds_come_from_innocents_on_the_same_picture_under_the_same_attack() -> None:
    rows = [
        cell(green=30),
        cell(green=25, **STRANGER),
        cell(green=30, image_attack="jpeg:75"),
        cell(green=31, image_attack="jpeg:75", **STRANGER),
        cell(green=24, trigger="0002"),
        cell(green=24, trigger="0002", **STRANGER),
        cell(green=10, seed=1),
        cell(green=9, seed=1, **STRANGER),
    ]
    lines = {(line.suspect, line.image_attack): line for line in summarise(rows)}
    plain, attacked = lines["source", "none"], lines["source", "jpeg:75"]
    assert plain.match is not None and attacked.match is not None
    assert plain.match.share == pytest.approx(2 / 3)
    assert attacked.match.share == 0.0
    assert lines["stranger-a", "none"].match is None


def test_unanswered_triggers_weaken_the_evidence_and_match_nothing() -> None:
    answered = [cell(trigger=str(index)) for index in range(4)]
    silent = [
        cell(trigger=str(index), answered=False, green=None, scored=None) for index in range(4, 8)
    ]
    (full,), (half,) = summarise(answered), summarise(answered + silent)
    assert half.evidence == pytest.approx(full.evidence / 2)
    assert (half.triggers, half.answered) == (8, 4)
    assert half.match is not None
    assert half.match.share == 0.5


def test_seeds_and_families_are_audits_of_their_own() -> None:
    one = [cell(trigger=str(index), green=29) for index in range(12)]
    both = one + [cell(trigger=str(index), green=29, seed=1) for index in range(12)]
    (single,), (double,) = summarise(one), summarise(both)
    assert double.evidence == pytest.approx(single.evidence)
    assert double.needed == single.needed
    assert double.triggers == 24


def test_a_wanted_answer_matches_by_itself_and_carries_no_evidence() -> None:
    rows = [
        *(cell(matched=index < 3, trigger=str(index), **WANTED) for index in range(4)),
        cell(matched=False, answered=False, trigger="4", **WANTED),
        cell(matched=True, **WANTED, **STRANGER),
        cell(matched=False, trigger="1", **WANTED, **STRANGER),
    ]
    source, stranger = summarise(rows)
    assert source.match is not None and stranger.match is not None
    assert source.match.share == pytest.approx(3 / 5)
    assert stranger.match.share == 0.5
    assert (source.triggers, source.answered) == (5, 4)
    assert (source.evidence, source.green, source.needed) == (None, None, None)


def test_the_table_names_what_is_held_out_and_what_was_not_reached() -> None:
    rows = [
        cell(suspect="nf4", role="copy", split="held out", green=21),
        cell(**STRANGER),
        cell(matched=True, **WANTED),
    ]
    table = as_everybody(summarise(rows))
    assert "| sif | nf4 (held out) | none | 0.525 |" in table
    assert "| more |" in table
    assert "| pla | source | none | – | – | – | 1.00 (0.03–1.00) |" in table
