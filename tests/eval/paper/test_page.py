"""The page from rows made by hand: what judges is the counts, not the words."""

import pytest

from sif.eval.paper.beside import Evidence
from sif.eval.paper.elsewhere import Other, other_table
from sif.eval.paper.literature import published
from sif.eval.paper.page import as_page, as_rows
from sif.eval.paper.plans import plans_of
from sif.eval.paper.served import Alarms, Reading, behind
from sif.eval.paper.study import STUDY
from sif.eval.study import read_settings
from sif.eval.triggers.rows import Cell
from tests.eval.triggers.rows import STRANGER, WANTED, cell

TRIGGERS = 24


def _cells(suspect: str, method: str, hits: int, *, attack: str = "none") -> list[Cell]:
    """Answers of one suspect of which so many match; one stranger sets τ at 30 green of 40."""
    rows = []
    for number in range(TRIGGERS):
        place = {"trigger": f"{number:04d}", "image_attack": attack}
        if method == "pla":
            rows.append(cell(**WANTED, **place, suspect=suspect, matched=number < hits))
            continue
        green = 36 if number < hits else 20
        rows.append(cell(method=method, suspect=suspect, green=green, **place))
    return rows


def _innocent(attack: str = "none") -> list[Cell]:
    return [
        cell(method="sif-paper", **STRANGER, trigger=f"{n:04d}", image_attack=attack)
        for n in range(TRIGGERS)
    ]


def _flagged(limits: str, flagged: int) -> Alarms:
    return Alarms(
        family="llava",
        reference="sibling-c",
        limits=limits,
        asked="benign",
        flagged=flagged,
        total=100,
    )


def _evidence(cells: list[Cell], flagged: list[Alarms] | None = None) -> Evidence:
    settings = read_settings(STUDY, ["families=llava", "references=sibling-c"])
    return Evidence.of(settings, plans_of(settings), cells, flagged or [])


def _word(evidence: Evidence, table: str, name: str, here: str = "") -> str:
    rows = evidence.rows(published().table(table))
    (found,) = (row for row in rows if row.name == name and here in row.here)
    return found.judgement.word


@pytest.mark.parametrize(("pla", "word"), [(2, "reproduced"), (23, "not here"), (24, "not here")])
def test_a_changed_count_changes_what_becomes_of_a_row(pla: int, word: str) -> None:
    cells = [*_innocent(), *_cells("nf4", "sif-paper", 23), *_cells("nf4", "pla", pla)]
    assert _word(_evidence(cells), "suspects", "LLaVA in 4 bits") == word


def test_an_innocent_with_a_higher_score_takes_matches_away() -> None:
    cells = [*_cells("nf4", "sif-paper", 23), *_cells("nf4", "pla", 2)]
    quiet = _evidence([*cells, *_innocent()])
    loud = [one.model_copy(update={"green": 40}) for one in _innocent()]
    assert _word(quiet, "suspects", "LLaVA in 4 bits") == "reproduced"
    assert _word(_evidence([*cells, *loud]), "suspects", "LLaVA in 4 bits") != "reproduced"


@pytest.mark.parametrize("silent", [True, False])
def test_without_an_innocents_score_nothing_is_reproduced(silent: bool) -> None:
    none = {"answered": False, "green": None, "scored": None}
    innocents = [one.model_copy(update=none) for one in _innocent()] if silent else []
    cells = [*_cells("nf4", "sif-paper", 24), *_cells("nf4", "pla", 2), *innocents]
    evidence = _evidence(cells)
    assert _word(evidence, "suspects", "LLaVA in 4 bits") == "not here"
    assert not evidence.orders()


def test_a_row_that_nobody_stands_for_says_so() -> None:
    rows = _evidence([]).rows(published().table("suspects"))
    (qwen,) = (row for row in rows if row.name == "Qwen in 4 bits")
    assert qwen.judgement.reason == "nobody in the roster stands for it"


def test_compressed_pictures_are_compared_with_innocents_under_the_same_attack() -> None:
    cells = [
        *_innocent("jpeg:85"),
        *_cells("source", "sif-paper", 12, attack="jpeg:85"),
        *_cells("source", "pla", 0, attack="jpeg:85"),
    ]
    assert _word(_evidence(cells), "pictures", "JPEG at quality 85") == "reproduced"
    assert _word(_evidence(cells), "pictures", "resized to two thirds") == "not here"


def test_limits_that_flag_ordinary_questions_reproduce_nothing() -> None:
    some = {
        limits: [
            *_cells(behind("sibling-c", limits), "sif-paper", 22),
            *_cells(behind("sibling-c", limits), "pla", 1),
        ]
        for limits in ("paper", "release")
    }
    flagged = [_flagged("paper", 100), _flagged("release", 4)]
    evidence = _evidence([*_innocent(), *some["paper"], *some["release"]], flagged)
    assert _word(evidence, "divergence", "LLaVA", "paper limits") == "not here"
    assert _word(evidence, "divergence", "LLaVA", "release limits") == "reproduced"
    assert _word(evidence, "divergence", "LLaVA", "calibrated limits") == "not here"
    orders = {order.where for order in evidence.orders()}
    assert orders == {"llava: behind sibling-c, release limits"}


def test_the_published_order_is_told_from_triggers_and_turns_with_them() -> None:
    def page(sif: int, pla: int) -> str:
        suspects = ("full-same", "lora-other-world")
        cells = [*_innocent()]
        for suspect in suspects:
            cells += [*_cells(suspect, "sif-paper", sif), *_cells(suspect, "pla", pla)]
        return as_page(published(), _evidence(cells), [], [])

    def order(text: str) -> str:
        (line,) = (one for one in text.splitlines() if one.startswith("| llava: tuned copies"))
        return line.split(" | ")[-1].removesuffix(" |")

    assert order(page(20, 3)) == "holds"
    assert order(page(3, 20)) == "does not hold: the other way round"
    assert order(page(12, 12)) == "not told apart"


@pytest.mark.parametrize(("green", "surely"), [(26, "not told apart"), (28, "holds")])
def test_a_score_above_innocents_that_chance_reaches_is_no_sure_match(
    green: int, surely: str
) -> None:
    """26 green of 40 come by chance in 4% of cases, 28 in 0.8%."""
    quiet = [one.model_copy(update={"green": 18}) for one in _innocent()]
    sif = [one.model_copy(update={"green": green}) for one in _cells("full-same", "sif-paper", 24)]
    text = as_page(published(), _evidence([*quiet, *sif, *_cells("full-same", "pla", 0)]), [], [])
    (line,) = (one for one in text.splitlines() if one.startswith("| llava: tuned copies"))
    *_, ahead, order, sure, then = line.removesuffix(" |").split(" | ")
    assert (ahead[:8], order) == ("24 of 24", "holds")
    assert then == surely
    assert sure.startswith("24 of 24" if surely == "holds" else "equal on all 24")


def test_no_judge_and_no_paraphraser_are_said_with_what_to_type() -> None:
    evidence = _evidence([])
    for table, words in (("judge", "judge=openai:"), ("paraphrase", "paraphrase=openai:")):
        row = evidence.rows(published().table(table))[0]
        assert row.judgement.word == "not here"
        assert words in row.judgement.reason


def test_the_page_holds_every_table_and_counts_its_rows() -> None:
    known = published()
    others: list[Other] = [other_table(table, None) for table in known.elsewhere]
    text = as_page(known, _evidence([]), [], others)
    for table in (*known.tables, *known.elsewhere):
        assert f"## {table.title}" in text
    assert "| *reproduced* | 0 |" in text
    assert "sif bench metav --out networks" in text


def test_rows_on_disk_hold_every_published_figure() -> None:
    cells = [*_innocent(), *_cells("nf4", "sif-paper", 23)]
    rows = as_rows(published(), _evidence(cells))
    (found,) = (one for one in rows if one.row == "LLaVA in 4 bits" and one.column == "SIF")
    assert (found.published, found.hits, found.total) == (0.49, 23, 24)
    assert sum(one.published is not None for one in rows) >= 66


def test_medians_say_whether_benign_questions_went_to_what_marking_made() -> None:
    readings = [
        Reading(family="llava", reference="r", asked=asked, signal="length", value=value)
        for asked, value in (("benign", 3.0), ("benign, taught-0", 5.0), ("pla", 7.0), ("pla", 9.0))
    ]
    text = as_page(published(), _evidence([]), readings, [])
    lines = [line for line in text.splitlines() if line.startswith("| llava: beside r")]
    assert [line.split(" | ")[1:] for line in lines] == [
        ["benign", "3 |"],
        ["benign, of the source marked by `taught-0`", "5 |"],
        ["triggers of `pla`", "8 |"],
    ]
