from sif.eval.verdicts.counting import Allowance, Found, as_table
from sif.parquet import as_parquet

FOUND = Found(
    family="llava",
    suspect="int8",
    plain=0.5,
    weighted=0.625,
    to_plain=12.0,
    to_weighted=9.5,
    to_both=None,
    derived=1,
    audits=3,
)


def test_the_table_says_how_many_questions_or_that_all_do_not_suffice() -> None:
    allowances = [
        Allowance(family=family, seed=seed, allowance=0.25 * (seed + 1))
        for family in ("llava", "qwen2_5_vl")
        for seed in (0, 1)
    ]
    table = as_table([FOUND], allowances)
    assert "| llava | int8 | 0.50 | 0.62 | 12 | 9.5 | more | 1 of 3 |\n" in table
    assert "6 against independence, 2 against transfer" in table
    assert table.endswith("llava 0.25, 0.50; qwen2_5_vl 0.25, 0.50.\n")


def test_rows_are_a_table_on_disk() -> None:
    assert as_parquet([FOUND]).startswith(b"PAR1")
