"""The table."""

from sif.eval.attacks.grid import PLAIN, chosen_attacks
from sif.eval.attacks.questions import AttackCell
from sif.eval.attacks.tables import as_answers, as_full, as_short
from tests.eval.attacks.some import line, told


def test_every_line_has_every_column() -> None:
    text = as_full([line(), line(suspect="sibling-c", role="innocent", utility=None)])
    rows = [row for row in text.splitlines() if row.startswith("| `") or "sibling-c" in row]
    heads = [row for row in text.splitlines() if row.startswith(("| attack", "| innocent"))]
    assert len(rows) == len(heads) == 2
    for head, row in zip(heads, rows, strict=True):
        assert row.count("|") == head.count("|")


def test_what_is_not_known_is_not_a_number() -> None:
    text = as_full([line(queries=None, kept=None, slowdown=None, match=None)])
    assert "| more than 24 |" in text
    assert "nan" not in text
    assert "None" not in text


def test_the_parts_of_several_at_once_are_told() -> None:
    text = as_full([line(kind="chains", attack="tuned", strength="1", parts="nf4, jpeg:90")])
    assert "`tuned:1` (nf4, jpeg:90)" in text


def test_a_second_model_is_the_price_of_divergence() -> None:
    assert "| 2 models |" in as_full([line(models=2, slowdown=None)])


def test_strengths_stand_side_by_side_in_the_short_table() -> None:
    lines = [line(strength="90"), line(evidence=-0.5, queries=None, utility=0.5, derived=0)]
    (*_, row) = as_short(lines).strip().splitlines()
    assert row.startswith("| `jpeg` 90, 75 | 2.00, −0.50 |")
    assert "| 4, – | 2/1, 0/1 | 90%, 50% |" in row


def test_innocents_are_not_in_the_short_table() -> None:
    text = as_short([line(), line(suspect="sibling-c", role="innocent", evidence=7.77)])
    assert "7.77" not in text


def test_unanswered_triggers_count_as_asked_and_as_wrong() -> None:
    attacks = chosen_attacks(answers=("withhold:0.5",))
    silent = {"answered": False, "green": None, "scored": None, "words": None, "facts": 0.0}

    def four(**changes: object) -> list[AttackCell]:
        strong = {"green": 30, "scored": 32, "words": 30}
        withheld = [told(attacks[0], **strong | changes) for _ in range(2)]
        return [*(told(PLAIN, **strong) for _ in range(4)), *withheld]

    cells = [*four(), *(told(attacks[0], **silent) for _ in range(2))]
    (*_, first, second) = as_answers(attacks, cells).strip().splitlines()
    assert first.startswith("| `none` | 100% | 30.0 |")
    assert second.startswith("| `withhold:0.5` | 50% | 30.0 |")
    assert second.endswith("| 50% | yes |")
    evidence = [float(row.split("|")[4]) for row in (first, second)]
    assert 0 < evidence[1] < 0.6 * evidence[0]


def test_without_attacks_on_answers_there_is_no_table_of_them() -> None:
    assert as_answers(chosen_attacks(("jpeg",)), [told(PLAIN)]) == ""
