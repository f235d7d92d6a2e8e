"""The published order, told from triggers: of each roster, and of all together."""

import pytest
from scipy.stats import binomtest

from sif.eval.paper.judgement import Measured
from sif.eval.paper.orders import TOGETHER, Paired, orders_of


def _paired(
    roster: str,
    gaps: list[float],
    *,
    where: str = "tuned copies",
    sure: list[float] | None = None,
) -> Paired:
    return Paired(roster, where, "PLA", 3, gaps, sure or gaps, (Measured(7, 8), Measured(2, 8)))


def test_one_roster_is_not_counted_twice() -> None:
    (order,) = orders_of([_paired("llava", [0.5, 0.0, -0.25])])
    assert (order.where, order.ahead, order.equal) == ("llava: tuned copies", Measured(1, 2), 1)
    assert order.gap == pytest.approx(0.25 / 3)


def test_triggers_of_all_rosters_tell_what_those_of_one_do_not() -> None:
    alone = [_paired("llava", [1.0] * 5), _paired("qwen2_5_vl", [0.5] * 4 + [0.0])]
    elsewhere = _paired("llava", [1.0], where="behind a stranger")
    *single, both = orders_of([*alone, elsewhere])
    assert [one.where for one in single] == [f"{one.roster}: {one.where}" for one in alone] + [
        "llava: behind a stranger"
    ]
    assert both.where == f"{TOGETHER}: tuned copies"
    assert (both.ahead, both.equal, both.suspects) == (Measured(9, 9), 1, 6)
    assert both.untouched == (Measured(14, 16), Measured(4, 16))
    assert both.gap == pytest.approx(0.7)
    for order in (*single, both):  # exact interval (Clopper–Pearson) of n of n: from (.025)^(1/n)
        assert order.ahead is not None
        hits, total = order.ahead
        interval = binomtest(hits, total).proportion_ci(0.95, method="exact")
        assert order.ahead.share.low == pytest.approx(interval.low, abs=1e-9)
        assert interval.low == pytest.approx(0.025 ** (1 / total))
    assert both.ahead is not None
    assert both.ahead.share.low > 0.5
    assert single[0].ahead is not None
    assert single[0].ahead.share.low < 0.5


def test_sure_matches_are_ordered_by_themselves() -> None:
    one = _paired("llava", [1.0, 1.0, 1.0], sure=[0.0, 1.0, -1.0])
    single, _, both = orders_of([one, _paired("qwen2_5_vl", [1.0, 1.0], sure=[0.5, 0.0])])
    assert (single.ahead, single.equal) == (Measured(3, 3), 0)
    assert (single.sure, single.equally_sure) == (Measured(1, 2), 1)
    assert (both.sure, both.equally_sure) == (Measured(2, 3), 2)


def test_what_was_not_measured_on_one_source_is_not_added_up() -> None:
    one = _paired("llava", [1.0])
    other = _paired("qwen2_5_vl", [1.0])._replace(untouched=("no answers", Measured(1, 8)))
    both = orders_of([one, other])[-1]
    assert both.untouched == ("no answers", Measured(3, 16))
