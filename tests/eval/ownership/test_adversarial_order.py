"""Makers who choose what moves everybody and when it is asked: the attack, and what bounds it."""

from dataclasses import dataclass

import numpy as np
import pytest

from sif.eval.ownership.adversarial_order import (
    LEVELS,
    MAKERS,
    NOISE,
    Rule,
    adversarial_order,
    false_claims,
    highest,
    questions_taken,
)
from sif.ownership.transfer import Draw, TransferEvidence, reaction, upper_bound
from sif.watermark.greenlist.count import GreenCount
from tests.eval.ownership.believable import believable

LIMIT, TRIGGERS = 0.35, 48


@dataclass(frozen=True, slots=True)
class Innocents:
    """48 triggers of which 12 move unrelated models, and models that react like the panel."""

    rng: np.random.Generator

    def react(self, audits: int) -> np.ndarray:
        """Reactions in the maker's order: what moves everybody first."""
        greens = self.rng.hypergeometric(16_000, 16_000, 60, size=(audits, 36))
        of = [reaction(GreenCount(green=green, scored=60), gamma=0.5) for green in range(61)]
        return np.hstack([self.rng.beta(7.5, 2.5, size=(audits, 12)), np.asarray(of)[greens]])


def test_the_process_of_the_simulation_is_the_real_one() -> None:
    reactions = np.random.default_rng(0).random((3, 20))
    draws: dict[Rule, Draw | None] = {
        "fingerprint": None,
        "drawn": Draw(triggers=20, stamped=True),
    }
    for rule, draw in draws.items():
        for row, found in zip(reactions, highest(reactions, LIMIT, rule), strict=True):
            evidence = TransferEvidence(limit=LIMIT, draw=draw)
            assert max(evidence.add(one) for one in row) == pytest.approx(found, abs=1e-9)


def test_every_maker_keeps_to_the_allowance() -> None:
    for means in MAKERS.values():
        spread = means(TRIGGERS, LIMIT)
        assert spread.mean() == pytest.approx(LIMIT)
        assert spread.min() >= 0.0
        assert spread.max() <= 1.0


def test_in_the_maker_s_order_the_old_rule_convicts_innocents_that_react_like_the_panel() -> None:
    """The attack: τ is measured as it should be, and bounds a mean."""
    innocents, audits = Innocents(np.random.default_rng(3)), 2000
    measured = [upper_bound(list(row), confidence=0.99) for row in innocents.react(20)]
    reactions = innocents.react(audits)
    assert np.mean(measured) > reactions.mean() + 0.1
    limit = float(np.median(measured))
    old = (highest(reactions, limit, "fingerprint") >= 2.0).mean()
    shuffled = innocents.rng.permuted(reactions, axis=1)
    new = (highest(shuffled, limit, "drawn") >= 2.0).mean()
    assert old > 0.7
    assert new == 0.0


def test_movers_first_break_the_old_rule_at_the_allowance() -> None:
    row = false_claims(
        "movers first",
        noise="coins",
        order="maker's",
        rule="fingerprint",
        triggers=TRIGGERS,
        limit=LIMIT,
        audits=1000,
        rng=np.random.default_rng(1),
    )
    assert row.rates[LEVELS.index(0.01)].share > 0.8


@pytest.mark.parametrize("triggers", [12, pytest.param(48, marks=pytest.mark.slow)])
def test_a_drawn_order_keeps_every_level_under_every_maker(triggers: int) -> None:
    rows = [
        row
        for row in adversarial_order(triggers=triggers, limit=LIMIT, audits=20_000, seed=triggers)
        if (row.order, row.rule) == ("drawn", "drawn")
    ]
    assert len(rows) == len(MAKERS) * len(NOISE)
    for row in rows:
        assert all(believable(rate) for rate in row.rates), row
        assert all(rate.share <= rate.alpha for rate in row.rates), row


def test_a_copy_takes_one_or_two_questions_more() -> None:
    rng = np.random.default_rng(5)
    for mean, concentration in ((0.97, 60.0), (0.85, 5.0), (0.7, 3.0)):
        reactions = rng.beta(mean * concentration, (1 - mean) * concentration, size=(1000, 24))
        for level in (0.01, 1e-5):
            old, new = (
                questions_taken(reactions, 0.3, rule, level) for rule in ("fingerprint", "drawn")
            )
            assert old.median is not None
            assert new.median is not None
            assert 0 <= new.median - old.median <= 2


def test_what_never_suffices_takes_no_number_of_questions() -> None:
    none = questions_taken(np.full((3, 5), 0.2), 0.3, "drawn", 0.01)
    assert none.median is none.ninety is None
