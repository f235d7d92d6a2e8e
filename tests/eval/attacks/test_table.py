"""The table."""

from sif.eval.attacks.compact import as_short_markdown
from sif.eval.attacks.table import as_markdown
from tests.eval.attacks.some import line


def test_every_line_has_every_column() -> None:
    text = as_markdown([line(), line(suspect="sibling-c", role="innocent", utility=None)])
    rows = [row for row in text.splitlines() if row.startswith("| `") or "sibling-c" in row]
    heads = [row for row in text.splitlines() if row.startswith(("| attack", "| innocent"))]
    assert len(rows) == len(heads) == 2
    for head, row in zip(heads, rows, strict=True):
        assert row.count("|") == head.count("|")


def test_what_is_not_known_is_not_a_number() -> None:
    text = as_markdown([line(queries=None, kept=None, slowdown=None, match=None)])
    assert "| more than 24 |" in text
    assert "nan" not in text
    assert "None" not in text


def test_the_parts_of_several_at_once_are_told() -> None:
    text = as_markdown([line(kind="chains", attack="tuned", strength="1", parts="nf4, jpeg:90")])
    assert "`tuned:1` (nf4, jpeg:90)" in text


def test_a_second_model_is_the_price_of_divergence() -> None:
    assert "| 2 models |" in as_markdown([line(models=2, slowdown=None)])


def test_strengths_stand_side_by_side_in_the_short_table() -> None:
    lines = [line(strength="90"), line(evidence=-0.5, queries=None, utility=0.5, derived=0)]
    (*_, row) = as_short_markdown(lines).strip().splitlines()
    assert row.startswith("| `jpeg` 90, 75 | 2.00, −0.50 |")
    assert "| 4, – | 2/1, 0/1 | 90%, 50% |" in row


def test_innocents_are_not_in_the_short_table() -> None:
    text = as_short_markdown([line(), line(suspect="sibling-c", role="innocent", evidence=7.77)])
    assert "7.77" not in text
