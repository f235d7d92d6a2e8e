"""A cheater calls any answers failures after he has seen all of them: what that gains.

Innocents: their answers hold a hypergeometric number of green words, and reactions of a mean τ.
"""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import binom

from sif.claims.gaps import PRICE, CountingGaps, log10_discount
from sif.ownership.null import HypergeometricNull
from sif.ownership.policy import TILTS
from sif.ownership.transfer import BETS, WEIGHTS
from sif.suspects.scripted import ScriptedSuspect
from sif.types import GenerationSettings, Query, Unanswered
from sif.watermark.greenlist.count import GreenCount

AUDITS, CHUNK = 20_000, 1_000
ALPHAS = (0.05, 0.01, 0.001)


def cheated(
    factors: np.ndarray, weights: np.ndarray, guides: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """The best log10 e-value with any answers left out: after the discount, and without it.

    For one factor of the mixture the cheater knows the best set of each size: the answers with the
    smallest of it. He also stops half-way if he likes.

    Args:
        factors: log e-values, of audits × triggers × factors.
        weights: of the factors.
        guides: the factors that he tries this with.
    """
    audits, triggers, _ = factors.shape
    paid, free = np.full(audits, -np.inf), np.full(audits, -np.inf)
    for stop in (triggers // 2, triggers):
        for one in guides:
            order = np.argsort(-factors[:, :stop, one], axis=1)
            best_first = np.take_along_axis(factors[:, :stop], order[:, :, None], axis=1)
            wealth = logsumexp(np.cumsum(best_first, axis=1) + np.log(weights), axis=2)
            found = wealth / np.log(10.0)
            price = [log10_discount(stop - kept, triggers) for kept in range(1, stop + 1)]
            free = np.maximum(free, found.max(1))
            paid = np.maximum(paid, (found - price).max(1))
    return paid, free


def _assert_bounded(paid: np.ndarray) -> None:
    for alpha in ALPHAS:
        false = int((paid >= -np.log10(alpha)).sum())
        assert binom.sf(false - 1, AUDITS, alpha) > 0.001, (alpha, false / AUDITS)


def words(rng: np.random.Generator, audits: int, triggers: int) -> np.ndarray:
    null = HypergeometricNull(vocabulary_size=32_000, green_size=16_000)
    tilts = np.asarray(TILTS)
    found = np.empty((audits, triggers, len(tilts)))
    for trigger in range(triggers):
        scored = (12, 40, 80)[trigger % 3]
        table = np.stack(
            [
                null.log_e_values(GreenCount(green=g, scored=scored), tilts)
                for g in range(scored + 1)
            ]
        )
        found[:, trigger] = table[rng.hypergeometric(16_000, 16_000, scored, audits)]
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("triggers", "before"), [(24, 0.2), (160, 0.9)])
def test_false_claims_against_independence_stay_below_alpha(triggers: int, before: float) -> None:
    rng, guides = np.random.default_rng(0), (3, 5) if triggers > 24 else range(len(TILTS))
    uniform = np.full(len(TILTS), 1 / len(TILTS))
    chunks = range(AUDITS // CHUNK)
    parts = [cheated(words(rng, CHUNK, triggers), uniform, guides) for _ in chunks]
    paid, free = (np.concatenate(column) for column in zip(*parts, strict=True))
    assert (free >= 2).mean() > before  # what leaving out did for nothing
    _assert_bounded(paid)


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.3, 2.0])
def test_false_claims_against_transfer_stay_below_alpha(spread: float) -> None:
    rng, tau = np.random.default_rng(1), 0.3
    seen = rng.beta(tau * spread, (1 - tau) * spread, (AUDITS, 24))
    factors = np.log1p(np.asarray(BETS) * (seen[:, :, None] / tau - 1.0))
    paid, free = cheated(factors, np.asarray(WEIGHTS), range(len(BETS)))
    assert (free >= 2).mean() > 0.5
    _assert_bounded(paid)


@pytest.mark.parametrize("questions", [1, 2, 24, 1000])
def test_the_prices_of_all_sets_of_gaps_are_at_most_one(questions: int) -> None:
    sizes = np.arange(questions + 1)
    prices = np.array([-log10_discount(int(d), questions) for d in sizes]) * np.log(10.0)
    ways = binom.logpmf(sizes, questions, 0.5) + questions * np.log(2.0)
    assert logsumexp(ways + prices) <= 1e-9
    assert log10_discount(1, questions) - log10_discount(0, questions) == pytest.approx(
        np.log10(PRICE * questions)
    )


def test_gaps_are_counted_question_by_question() -> None:
    from PIL import Image

    queries = [
        Query(
            trigger=f"000{n}",
            image=Image.new("RGB", (2, 2)),
            prompt="?",
            generation=GenerationSettings(),
            repeat=n,
        )
        for n in range(3)
    ]
    silent = Unanswered(reason="busy")
    suspect = CountingGaps(ScriptedSuspect(lambda q: silent if q.repeat else "a", name="it"))
    assert [len(suspect.ask(queries)), suspect.gaps, suspect.name] == [3, 2, "it"]
