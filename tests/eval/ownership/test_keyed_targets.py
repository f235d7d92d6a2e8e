"""Innocents of every kind stay below the level; those who are not, and wrong rules, do not."""

from math import log10

import numpy as np
import pytest

from sif.eval.ownership.keyed_targets import (
    NOTHING,
    OURS,
    answer_lists,
    drawn,
    highest,
    innocents,
    keyed_targets,
    list_powers,
)
from sif.eval.ownership.results import ALPHAS, Accusation, Rate
from sif.ownership.targets import TargetNull
from tests.eval.ownership.believable import believable

AUDITS = 1500
GUILTY = ("transfer", "the best of")


@pytest.fixture(scope="module")
def rows() -> list[Accusation]:
    rng = np.random.default_rng(8)
    return [row for some in answer_lists() for row in keyed_targets(some, audits=AUDITS, rng=rng)]


def test_innocents_are_accused_at_most_at_the_level(rows: list[Accusation]) -> None:
    fair = [
        row
        for row in rows
        if row.rule != "contains the target" and not any(word in row.setting for word in GUILTY)
    ]
    assert len(fair) == 2 * 6
    assert all(row.rule == OURS for row in fair)
    for row in fair:
        assert [rate.alpha for rate in row.rates] == list(ALPHAS)
        assert all(believable(rate) for rate in row.rates), row


def test_choosing_secrets_or_lists_pays_until_it_is_taken_off(rows: list[Accusation]) -> None:
    chosen = [row for row in rows if "the best of" in row.setting]
    free = [row for row in chosen if row.rule == OURS]
    priced = [row for row in chosen if row.rule != OURS]
    assert len(free) == len(priced) == 2
    assert not any(believable(row.rates[0]) for row in free)
    assert all(believable(rate) for row in priced for rate in row.rates)


def test_transfer_and_a_wrong_rule_are_seen_to_break_the_bound(rows: list[Accusation]) -> None:
    broken = [row for row in rows if "transfer" in row.setting or row.rule == "contains the target"]
    assert len(broken) == 4
    assert not any(believable(rate) for row in broken for rate in row.rates)


def test_a_null_that_claims_longer_lists_than_were_drawn_from_is_caught() -> None:
    answers, rng = answer_lists()[0], np.random.default_rng(3)
    draws = drawn(answers, 300, rng)
    seen = rng.integers(4, size=draws.shape)
    best = highest(TargetNull(alternatives=6), seen == draws, seen != NOTHING)
    assert not believable(Rate.of(int((best >= 1.3).sum()), len(best), 0.05))


def test_an_innocent_that_says_everything_says_its_first_words() -> None:
    answers = answer_lists()[0]
    (text,) = innocents(answers)["all answers"](1, np.random.default_rng(0))
    assert len(text.split()) == 28
    assert answers.read(text) == (0,) * 7


def test_bets_on_parts_give_more_than_bets_on_whole_answers_and_longer_lists_more() -> None:
    rows = list(list_powers())
    assert len(rows) == 20
    for row in rows:
        assert row.answers == 4**row.parts
        assert row.whole <= row.by_parts * (1 + 1e-12) < row.parts * log10(4)
    one, *_, seven = (row for row in rows if row.rate == 0.9)
    assert seven.by_parts == pytest.approx(7 * one.by_parts)
    assert one.whole == pytest.approx(one.by_parts)
