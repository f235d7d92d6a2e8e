import pytest

from sif.eval.metrics import Estimate
from sif.eval.networks.presentation import (
    MEASURES,
    as_tables,
    claim_of,
    draw_numbers,
    estimate,
    sample,
    show,
)
from sif.eval.networks.scores import CellRows, Cost, Score, read_cell, write_cell


def cell(task: str, seed: int, copies: list[float], label: str = "m ×1") -> CellRows:
    kinds = ["noise", "distil"]
    scores = [
        Score(contender=label, suspect=kind, copy_of_protected=True, quality=0.5, score=score)
        for kind, score in zip(kinds, copies, strict=True)
    ]
    scores += [
        Score(
            contender=label,
            suspect="independent",
            copy_of_protected=False,
            quality=0.25,
            score=score,
        )
        for score in (0.2, 0.4)
    ]
    return CellRows(
        settings="s",
        task=task,
        seed=seed,
        protected_quality=0.75,
        scores=tuple(scores),
        costs=(Cost(contender=label, settings="c", networks=1.0, training=2.0),),
    )


CELLS = [cell("a", 1, [0.9, 0.3]), cell("a", 2, [0.9, 0.9]), cell("b", 1, [0.9, 0.1])]


def test_distilled_copies_are_counted_apart() -> None:
    found = sample(CELLS[0], "m ×1")
    assert (found.weights, found.learnt, found.others) == ([0.9], [0.3], [0.2, 0.4])
    values = {name: measure(found) for name, measure in MEASURES.items()}
    assert values["AUC"] == 0.75
    assert values["copies of weights"] == 1.0
    assert values["distilled, extracted"] == 0.5
    assert values["TPR at no FP"] == 0.5


def test_the_mean_over_tasks_takes_only_seeds_that_all_have() -> None:
    measure = MEASURES["AUC"]
    assert estimate(CELLS, "m ×1", measure, task="a").value == pytest.approx((0.75 + 1) / 2)
    assert estimate(CELLS, "m ×1", measure).value == pytest.approx((0.75 + 0.5) / 2)
    assert estimate(CELLS, "m ×1", measure).low is None
    assert estimate(CELLS, "nobody", measure) is None


def test_tables_hold_every_contender_and_task() -> None:
    tables = as_tables(CELLS)
    assert "| AUC | mean over tasks | a | b |" in tables
    assert "| m ×1 | 0.625 | 0.875" in tables
    assert "Protected network: 0.750" in tables
    assert "1.0, 2.0" in tables


def test_rows_come_back_and_those_of_other_settings_do_not(tmp_path) -> None:
    path = tmp_path / "cells" / "a-1.json"
    write_cell(path, CELLS[0])
    assert read_cell(path, "s") == CELLS[0]
    assert read_cell(path, "t") is None
    path.write_text(path.read_text()[:-9])
    assert read_cell(path, "s") is None


def test_a_contender_is_found_again_only_with_its_settings() -> None:
    scores, cost = CELLS[0].of("m ×1", "c")
    assert (scores, cost) == (CELLS[0].scores, CELLS[0].costs[0])
    assert CELLS[0].of("m ×1", "d") is None
    assert CELLS[0].of("n ×1", "c") is None


def with_p_values(one: CellRows, p_values: list[float]) -> CellRows:
    rows = zip(one.scores, p_values, strict=True)
    return one.model_copy(
        update={"scores": tuple(row.model_copy(update={"p_value": p}) for row, p in rows)}
    )


def test_claims_are_shares_of_p_values_up_to_a_twentieth() -> None:
    ranked = with_p_values(CELLS[0], [0.05, 0.1, 0.05, 0.5])
    claimed = sample(ranked, "m ×1", claim_of)
    assert (claimed.weights, claimed.learnt, claimed.others) == ([1.0], [0.0], [1.0, 0.0])
    assert sample(CELLS[0], "m ×1", claim_of) is None
    table = as_tables([ranked])
    assert "| called copies at p ≤ 0.05 | innocents | copies of weights |" in table
    assert "| m ×1 | 0.500 | 1.000 | 0.000 |" in table
    assert "called copies" not in as_tables(CELLS)


def test_intervals_are_cut_where_measures_end() -> None:
    assert show(Estimate(value=0.1, low=-0.2, high=0.4)) == "0.100 (0.000 to 0.400)"
    assert show(Estimate(value=0.9, low=0.7, high=1.1)) == "0.900 (0.700 to 1.000)"


def test_copies_of_removal_are_told_apart_and_counted_in_no_other_measure() -> None:
    removed = [
        Score(contender="m ×1", suspect="remove 1", copy_of_protected=True, quality=0.5, score=0.0),
    ]
    one = CELLS[0].model_copy(update={"scores": (*CELLS[0].scores, *removed)})
    found = sample(one, "m ×1")
    assert found.removed == [0.0]
    assert found.copies == sample(CELLS[0], "m ×1").copies
    assert {name: measure(found) for name, measure in MEASURES.items()} == {
        name: measure(sample(CELLS[0], "m ×1")) for name, measure in MEASURES.items()
    }
    tables = as_tables([one])
    assert "| AUC by theft | noise | distil | remove 1 |" in tables
    assert "| m ×1 | 1.00 | 0.50 | 0.00 |" in tables
    claims = as_tables([with_p_values(one, [0.05, 0.1, 0.05, 0.5, 0.01])])
    assert "innocents | copies of weights | distilled, extracted | removal |" in claims
    assert "| m ×1 | 0.500 | 1.000 | 0.000 | 1.000 |" in claims


def test_who_does_not_apply_is_a_row_with_the_reason() -> None:
    silent = Cost(contender="n ×1", settings="c", networks=0, training=0, reason="needs classes")
    one = CELLS[0].model_copy(update={"costs": (*CELLS[0].costs, silent)})
    tables = as_tables([one])
    assert "| n ×1 | – | – | – | – | – | – | no opinion: needs classes |" in tables
    assert "| n ×1 | – | – |" in tables
    assert draw_numbers([one]).startswith(b"<?xml")
    assert one.of("n ×1", "c") == ((), silent)
    _, costs = one.flat()
    assert [cost.reason for cost in costs] == [None, "needs classes"]


def test_the_figure_has_a_panel_for_each_task() -> None:
    more = [cell(task, 1, [0.9, 0.3], "m ×10") for task in ("a", "b")]
    merged = [
        one.model_copy(update={"scores": one.scores + two.scores, "costs": one.costs + two.costs})
        for one, two in zip([CELLS[0], CELLS[2]], more, strict=True)
    ]
    assert draw_numbers(merged).startswith(b"<?xml")
