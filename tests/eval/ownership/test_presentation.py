import re

import pytest

from sif.eval.ownership.presentation import as_summary, pictures
from sif.eval.ownership.results import (
    Accusation,
    Calibration,
    Power,
    Provider,
    PValues,
    Rate,
    Results,
)

RATES = tuple(Rate.of(claims, 1000, alpha) for claims, alpha in ((30, 0.05), (4, 0.01), (0, 0.001)))
RESULTS = Results(
    seed=0,
    calibration=(
        Calibration(
            texts="prose",
            vocabulary_size=32_000,
            triggers=12,
            keys="real",
            rates=RATES,
            curve=((0.001, 0.0), (0.01, 0.004), (0.05, 0.03)),
        ),
    ),
    p_values=(
        PValues(
            texts="prose",
            keys="real",
            rates=RATES,
            excess=0.01,
            bound=0.05,
            distance=0.02,
            uniform_p=0.4,
        ),
    ),
    power=tuple(
        Power(
            rate=rate,
            scored=40,
            alpha=1e-6,
            median=20.0,
            ninety=30.0,
            exact_median=15,
            exact_ninety=23,
            z_median=15,
            z_ninety=23,
            z_level=8.2e-7,
        )
        for rate in (0.6, 0.7)
    ),
    released=(Accusation(rule="simple", setting="prose", rates=RATES[:1]),),
    selection=(Accusation(rule="ours", setting="a sibling", rates=RATES),),
    providers=(
        Provider(
            mark="none",
            tokens=400,
            distinct=80.0,
            own_z=-2.1,
            rates=RATES,
            keyed=RATES,
            pooled=RATES,
        ),
    ),
)


def test_a_rate_has_its_exact_interval() -> None:
    rate = Rate.of(0, 1000, 0.05)
    assert (rate.share, rate.low) == (0.0, 0.0)
    assert rate.high == pytest.approx(1 - 0.025 ** (1 / 1000))


@pytest.mark.parametrize(
    "row",
    [
        "| prose | 32,000 | real | 1,000 | 12 | 3.000% (2.033%–4.255%) | 0.400% ",
        "| prose | real | 3.000% (2.033%–4.255%) | ",
        "| 0.0100 ≤ 0.0500 | 0.40 |",
        "| 40 | 60% | 20 / 30 | 15 / 23 | 15 / 23 | 8.2e-07 |",
        "| prose | simple | 3.000% (2.033%–4.255%) | – | – |",
        "| a sibling | ours | ",
        "| none | 400 | 80 | −2.1 | ",
    ],
)
def test_the_summary_holds_every_number(row: str) -> None:
    assert row in as_summary(RESULTS)


def test_every_line_of_a_table_has_as_many_columns_as_its_head() -> None:
    for table in re.findall(r"(?:^\|.*\|\n)+", as_summary(RESULTS), re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_results_are_read_back() -> None:
    assert Results.model_validate_json(RESULTS.model_dump_json()) == RESULTS


def test_the_pictures_are_drawn() -> None:
    drawn = pictures(RESULTS)
    assert list(drawn) == ["null.svg", "power.svg", "selection.svg"]
    assert all(b"<svg" in data for data in drawn.values())
    assert pictures(RESULTS) == drawn
