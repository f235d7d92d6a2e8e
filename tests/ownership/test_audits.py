"""Simulated audits of real texts with fresh keys: false claims stay below α at any stopping time.

The texts are captions of the mini world, fixed before any key is drawn. Stopping is the most
greedy there is: an audit counts as a false claim if its e-value reached 1/α after any answer.
"""

from functools import cache

import numpy as np
import pytest

from sif.mini.tokenizer import LLAVA_SPECIALS, build_tokenizer
from sif.mini.world import World, sample_scene
from sif.ownership import Evidence, HypergeometricNull, Observation, Policy
from sif.ownership.policy import TILTS
from sif.watermark.greenlist import (
    GreenCount,
    KeyRing,
    count_green,
    distinct_ids,
    green_mask,
    green_size,
)

TEXTS = 30
AUDITS = 20_000
GRID = np.array(TILTS)


@cache
def corpus() -> tuple[tuple[frozenset[int], ...], int]:
    """The distinct token ids of every text, and the size of the vocabulary."""
    tokenizer, rng = build_tokenizer(0, LLAVA_SPECIALS), np.random.default_rng(11)
    texts = [World(0).caption(sample_scene(rng), rng) for _ in range(TEXTS)]
    special = frozenset(tokenizer.all_special_ids)
    return tuple(distinct_ids([tokenizer(text)["input_ids"]], special) for text in texts), len(
        tokenizer
    )


def null_of(gamma: float) -> HypergeometricNull:
    size = corpus()[1]
    return HypergeometricNull(vocabulary_size=size, green_size=green_size(size, gamma))


def draw(null: HypergeometricNull, rng: np.random.Generator) -> np.ndarray:
    """Green counts of every text in every audit, every one with fresh keys."""
    red = null.vocabulary_size - null.green_size
    return np.stack(
        [rng.hypergeometric(null.green_size, red, len(ids), AUDITS) for ids in corpus()[0]], axis=1
    )


def highest_log10_e_values(null: HypergeometricNull, greens: np.ndarray) -> np.ndarray:
    """The largest running e-value of each audit, as `Evidence` computes it, for all at once."""
    wealth = np.full((len(greens), len(GRID)), -np.log(len(GRID)))
    highest = np.zeros(len(greens))
    for ids, drawn in zip(corpus()[0], greens.T, strict=False):
        counts = [GreenCount(green=green, scored=len(ids)) for green in null.support(len(ids))]
        table = np.stack([null.log_e_values(count, GRID) for count in counts])
        wealth += table[drawn - counts[0].green]
        highest = np.maximum(highest, np.logaddexp.reduce(wealth, axis=1) / np.log(10))
    return highest


def ceiling(alpha: float, audits: int) -> float:
    return alpha + 3 * (alpha * (1 - alpha) / audits) ** 0.5


def test_the_corpus_is_real_text() -> None:
    texts, vocabulary_size = corpus()
    assert 30 < np.mean([len(ids) for ids in texts]) < 120
    assert vocabulary_size > 300


@pytest.mark.parametrize("gamma", [0.25, 0.5])
def test_false_claims_stay_below_alpha_with_optional_stopping(gamma: float) -> None:
    null = null_of(gamma)
    highest = highest_log10_e_values(null, draw(null, np.random.default_rng(7)))
    for alpha in (0.05, 0.01, 0.001):
        assert (highest >= -np.log10(alpha)).mean() <= ceiling(alpha, AUDITS)
    assert (highest >= -np.log10(0.05)).any()


def test_false_claims_stay_below_alpha_with_real_keys() -> None:
    texts, vocabulary_size = corpus()
    rng, audits, asked = np.random.default_rng(3), 800, 10
    greens = np.zeros((audits, asked), dtype=np.int64)
    for row in greens:
        ring = KeyRing(rng.bytes(32))
        for number, ids in enumerate(texts[:asked]):
            mask = green_mask(ring.key(f"{number}"), vocabulary_size=vocabulary_size, gamma=0.5)
            row[number] = count_green(ids, mask).green
    highest = highest_log10_e_values(null_of(0.5), greens)
    for alpha in (0.05, 0.01):
        assert (highest >= -np.log10(alpha)).mean() <= ceiling(alpha, audits)


def test_keys_chosen_for_doing_well_would_accuse_innocents() -> None:
    null, rng = null_of(0.5), np.random.default_rng(9)
    chosen = np.maximum.reduce([draw(null, rng) for _ in range(4)])
    assert (highest_log10_e_values(null, chosen) >= 2.0).mean() > 0.5


def test_the_simulation_bets_as_the_package_does() -> None:
    null = null_of(0.5)
    greens = draw(null, np.random.default_rng(1))[:3] + 4
    for row, expected in zip(greens, highest_log10_e_values(null, greens), strict=True):
        evidence = Evidence(
            vocabulary_size=null.vocabulary_size, green_size=null.green_size, policy=Policy()
        )
        for number, (green, ids) in enumerate(zip(row, corpus()[0], strict=True)):
            count = GreenCount(green=int(green), scored=len(ids))
            evidence.add(Observation(trigger=f"{number}", count=count))
        assert np.isclose(evidence.highest, expected, rtol=1e-10)


def test_a_single_text_asked_again_and_again_gains_nothing_as_one_cluster() -> None:
    texts, vocabulary_size = corpus()
    mask = green_mask(KeyRing(bytes(32)).key("0"), vocabulary_size=vocabulary_size, gamma=0.5)
    once, often = (count_green(distinct_ids([texts[0]] * n), mask) for n in (1, 50))
    assert once == often
