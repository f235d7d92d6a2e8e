"""Every cheat works for nothing, and stays below its level at the price that an audit takes."""

import numpy as np
import pytest
from scipy.stats import binom

from sif.eval.ownership.corpus import ENGLISH, load_corpus
from sif.eval.ownership.hostile import NOTHING, hostile_claims
from sif.eval.ownership.results import Accusation

AUDITS = 1000


@pytest.fixture(scope="module")
def rows() -> list[Accusation]:
    texts = load_corpus()[ENGLISH].first(12)
    return list(hostile_claims(texts, audits=AUDITS, rng=np.random.default_rng(4)))


def test_cheats_pay_as_long_as_nothing_is_taken_off(rows: list[Accusation]) -> None:
    free = [row for row in rows if row.rule in (NOTHING, "any τ")]
    assert len(free) == 4
    for row in free:
        level = row.rates[0]
        assert binom.sf(level.claims - 1, AUDITS, level.alpha) < 0.01, row


def test_at_the_price_of_the_audit_innocents_are_accused_at_most_at_the_level(
    rows: list[Accusation],
) -> None:
    priced = [row for row in rows if row.rule not in (NOTHING, "any τ")]
    assert len(priced) == 5
    for row in priced:
        for rate in row.rates:
            assert binom.sf(rate.claims - 1, AUDITS, rate.alpha) > 1e-4, row
