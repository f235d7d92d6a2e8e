"""Makers who spread what moves everybody over batches, and claimants who show the best batch."""

from math import log10

import numpy as np
import pytest

from sif.eval.ownership.adversarial_order import LEVELS, MAKERS, NOISE, highest, react
from sif.eval.ownership.results import Rate
from sif.ownership.null import HypergeometricNull
from sif.ownership.order import block
from sif.ownership.policy import TILTS
from sif.ownership.transfer import Draw, TransferEvidence, price_of_order
from sif.watermark.greenlist.count import GreenCount
from tests.eval.ownership.believable import believable

LIMIT = 0.35


def best_batch(reactions: np.ndarray, batches: int) -> np.ndarray:
    """The largest log10 e-value against transfer of any batch, less what K batches cost."""
    audits, triggers = reactions.shape
    places = range(triggers)
    found = np.full(audits, -np.inf)
    for number in range(1, batches + 1):
        part = list(block(places, number, batches))
        price = log10(price_of_order(triggers, len(part)))
        found = np.maximum(found, highest(reactions[:, part], LIMIT, "fingerprint") - price)
    return found - log10(batches)


def test_the_process_of_the_simulation_is_the_real_one() -> None:
    reactions = np.random.default_rng(0).random((3, 10))
    for row, found in zip(reactions, best_batch(reactions, 2), strict=True):
        highest_of = []
        for part in (row[:5], row[5:]):
            draw = Draw(triggers=10, stamped=True, most=5)
            evidence = TransferEvidence(limit=LIMIT, draw=draw)
            highest_of.append(max(evidence.add(one) for one in part))
        assert max(highest_of) - log10(2) == pytest.approx(found, abs=1e-9)


def transfer_rates(audits: int, triggers: int, batches: int, seed: int) -> list[tuple[Rate, ...]]:
    """False claims of the best of K batches, a row for every maker and noise."""
    rng = np.random.default_rng([seed, 31])
    rows = []
    for maker in MAKERS.values():
        for noise in NOISE:
            means = rng.permuted(np.tile(maker(triggers, LIMIT), (audits, 1)), axis=1)
            found = best_batch(react(means, noise, rng), batches)
            rows.append(
                tuple(Rate.of(int((found >= -np.log10(a)).sum()), audits, a) for a in LEVELS)
            )
    return rows


@pytest.mark.parametrize(("triggers", "batches"), [(48, 4), (12, 4), (10, 3)])
def test_the_best_of_drawn_batches_keeps_every_level_under_every_maker(
    triggers: int, batches: int
) -> None:
    for row in transfer_rates(400, triggers, batches, seed=triggers):
        assert all(believable(rate) for rate in row), row


@pytest.mark.slow
@pytest.mark.parametrize(("triggers", "batches"), [(64, 4), (48, 4), (24, 6)])
def test_of_twenty_thousand_audits_the_best_batch_keeps_every_level(
    triggers: int, batches: int
) -> None:
    for row in transfer_rates(20_000, triggers, batches, seed=triggers):
        assert all(rate.share <= rate.alpha for rate in row), row


def independence_rates(audits: int, triggers: int, batches: int, seed: int) -> list[Rate]:
    """False claims of the best of K batches whose words know no key."""
    rng, words, size = np.random.default_rng([seed, 32]), 30, 600
    null = HypergeometricNull(vocabulary_size=size, green_size=size // 2)
    table = np.stack(
        [
            null.log_e_values(GreenCount(green=green, scored=words), np.asarray(TILTS))
            for green in range(words + 1)
        ]
    )
    greens = rng.hypergeometric(size // 2, size // 2, words, size=(audits, triggers))
    best = np.full(audits, -np.inf)
    for number in range(1, batches + 1):
        part = greens[:, list(block(range(triggers), number, batches))]
        wealth = np.exp(table[part].cumsum(axis=1)).mean(axis=2)  # the mixture over all tilts
        best = np.maximum(best, np.log10(wealth.max(axis=1)))
    found = best - log10(batches)
    return [Rate.of(int((found >= -np.log10(a)).sum()), audits, a) for a in LEVELS]


def test_the_best_of_drawn_batches_keeps_every_level_against_independence() -> None:
    for rate in independence_rates(2000, triggers=24, batches=4, seed=0):
        assert believable(rate), rate


@pytest.mark.slow
@pytest.mark.parametrize(("triggers", "batches"), [(64, 4), (24, 6)])
def test_of_twenty_thousand_audits_the_best_batch_is_within_independence(
    triggers: int, batches: int
) -> None:
    for rate in independence_rates(20_000, triggers=triggers, batches=batches, seed=1):
        assert rate.share <= rate.alpha, rate
