import pytest

from sif.eval.marks.presentation import (
    as_summary,
    blocks_table,
    innocents_table,
    methods_table,
    pictures,
    suspects_table,
)
from sif.eval.marks.results import (
    BlockRow,
    Compared,
    Marking,
    MethodCost,
    Reading,
    Rows,
    Suspected,
    auc,
)

MARKING = Marking(
    source="dino",
    mode="keyed",
    block=3,
    images=4,
    threshold=6,
    cosine=0.99,
    lowest=0.95,
    clean_probe=0.9,
    probe=0.89,
    seconds=12.0,
    extraction=0.5,
)


def readings(name: str, role: str, wrong: list[int]) -> list[Reading]:
    return [
        Reading(
            source="dino",
            mode="keyed",
            suspect=name,
            role=role,
            image=number,
            wrong=errors,
            bits=32,
            detected=errors <= 6,
        )
        for number, errors in enumerate(wrong)
    ]


def known(name: str, role: str, decision: str, **facts: float) -> Suspected:
    return Suspected(
        source="dino",
        mode="keyed",
        suspect=name,
        role=role,
        decision=decision,
        log10_e_value=1.0,
        accuracy=facts.get("accuracy"),
        cosine=facts.get("cosine"),
        seconds=None,
    )


ROWS = Rows(
    readings=(
        *readings("pruned-40", "copy", [0, 6, 7, 3]),
        *readings("clean", "innocent", [16, 15, 17, 6]),
    ),
    suspects=(
        known("pruned-40", "copy", "derived", accuracy=0.75, cosine=0.5),
        known("clean", "innocent", "not_shown", cosine=1.0),
        known("stranger", "innocent", "other shapes"),
    ),
    markings=(MARKING,),
    costs=(
        MethodCost(source="dino", method="keyed", seconds=12.0),
        MethodCost(source="dino", method="IPGuard", seconds=3.0),
    ),
    compared=(
        Compared(
            source="dino", method="IPGuard", suspect="clean", role="innocent", score=0.5, seconds=2
        ),
        Compared(
            source="dino", method="IPGuard", suspect="pruned-40", role="copy", score=0.5, seconds=4
        ),
    ),
)


def test_a_cell_holds_detection_errors_verdict_and_utility() -> None:
    table = suspects_table(ROWS, ("copy",))
    assert "| pruned-40 | 0.750, 4.0 DERIVED (0.75, cos 0.50) |" in table
    assert "clean" not in table


def test_a_suspect_of_other_shapes_is_named_so_and_counts_no_pairs() -> None:
    assert "| stranger | other shapes |" in suspects_table(ROWS, ("innocent",))
    assert "| keyed read-out | dino | 1 | 1 of 4 |" in innocents_table(ROWS.readings)


def test_the_bound_of_false_detections_is_clopper_pearsons() -> None:
    clean = readings("clean", "innocent", [16] * 60)
    row = innocents_table(clean).splitlines()[2]
    assert "| 0 of 60 | 0.0000 | 0.0487 |" in row  # 1 - 0.05^(1/60)


def test_the_auc_counts_ties_half() -> None:
    def score(role: str, value: float) -> Compared:
        return Compared(
            source="s", method="m", suspect=f"{role} {value}", role=role, score=value, seconds=0.0
        )

    scores = [score("copy", 1.0), score("copy", 0.5), score("innocent", 0.5), score("removal", 0.0)]
    assert auc(scores, "s", "m") == pytest.approx(0.75)
    assert auc(scores[:2], "s", "m") is None


def test_methods_stand_beside_one_another_with_their_costs() -> None:
    lines = methods_table(ROWS).splitlines()
    assert lines[0] == "| suspect | dino: IPGuard | dino: keyed |"
    assert "| pruned-40 | 0.500 | 0.750 |" in lines
    assert "| stranger |  | 0.000 |" in lines
    assert "| **AUC** | 0.500 | 1.000 |" in lines
    assert "| seconds before | 3 | 12 |" in lines
    assert "| seconds a suspect | 3.00 | 0.50 |" in lines


def test_the_chosen_block_has_a_star() -> None:
    row = BlockRow(
        source="dino",
        block=2,
        magnitude=3.0,
        jump=1.5,
        chosen=True,
        error=0.1,
        detection=1.0,
        tuned_error=0.2,
        tuned_detection=0.5,
        cosine=0.9,
    )
    assert "| dino | 2 * | 3.0 | 1.50 | 0.100 | 1.000 | 0.200 | 0.500 | 0.900 |" in blocks_table(
        [row]
    )


def test_the_summary_has_every_table() -> None:
    text = as_summary(ROWS)
    for title in ("Marks", "Copies", "Innocents", "False detections", "Blocks", "Methods"):
        assert f"## {title}\n" in text


def test_the_pictures_are_drawn() -> None:
    drawn = pictures(ROWS)
    assert list(drawn) == ["errors.svg", "suspects.svg", "blocks.svg"]
    assert all(b"<svg" in data for data in [*drawn.values(), *pictures(Rows()).values()])


def test_rows_of_parts_are_put_together_in_their_order() -> None:
    other = Rows(markings=(MARKING,))
    both = Rows.all_of([ROWS, other])
    assert both.markings == (MARKING, MARKING)
    assert both.readings == ROWS.readings
    assert Rows.all_of([]) == Rows()
