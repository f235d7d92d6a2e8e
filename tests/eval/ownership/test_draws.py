import numpy as np
import pytest
from scipy.stats import chisquare

from sif.eval.ownership.corpus import OWNER, TextSet, load_corpus
from sif.eval.ownership.draws import (
    draw_greens,
    draw_masks,
    draw_pairs,
    keyed_greens,
    weighted_greens,
)
from sif.ownership.null import HypergeometricNull

LITTLE = TextSet(name="little", vocabulary_size=12, texts=((0, 1, 2, 2, 3), (2, 3, 4)))
OTHER = TextSet(name="other", vocabulary_size=12, texts=((3, 4, 5, 3), (9,)))


def assert_distributed(greens: np.ndarray, null: HypergeometricNull, scored: int) -> None:
    """Chi-square against the exact probabilities, rare counts pooled."""
    expected = np.exp(null.log_pmf(scored)) * len(greens)
    seen = np.bincount(greens - null.support(scored).start, minlength=len(expected))
    likely = expected >= 10
    pooled = [np.append(it[likely], it[~likely].sum()) for it in (seen, expected)]
    kept = pooled[1] > 0
    assert chisquare(pooled[0][kept], pooled[1][kept]).pvalue > 1e-4


def test_counts_through_the_keyed_function_have_the_distribution_of_drawn_ones() -> None:
    texts = load_corpus()[OWNER].first(1)
    null, (size,) = texts.null, texts.sizes
    keyed = np.concatenate(list(keyed_greens(texts, 6000, np.random.default_rng(1))))
    assert_distributed(keyed, null, size)
    drawn = draw_greens(texts, 100_000, np.random.default_rng(2))[:, 0]
    assert_distributed(drawn, null, size)


def test_triggers_that_share_their_words_have_independent_counts() -> None:
    text = load_corpus()[OWNER].texts[0]
    twice = TextSet(name="twice", vocabulary_size=549, texts=(text, text))
    greens = np.stack(list(keyed_greens(twice, 3000, np.random.default_rng(3))))
    assert abs(np.corrcoef(greens.T)[0, 1]) < 4 / 3000**0.5


def test_pairs_are_those_of_drawn_masks() -> None:
    rng, number = np.random.default_rng(5), 60_000
    pairs = draw_pairs(LITTLE, OTHER, number, rng)
    masks = np.stack([rng.permutation(12) < 6 for _ in range(number)])
    for trigger in range(2):
        one, other = sorted(LITTLE.distinct[trigger]), sorted(OTHER.distinct[trigger])
        expected = np.zeros((6, 6))
        np.add.at(expected, (masks[:, one].sum(axis=1), masks[:, other].sum(axis=1)), 1)
        seen = np.zeros((6, 6))
        np.add.at(seen, (pairs.one[:, trigger], pairs.other[:, trigger]), 1)
        assert np.abs(seen - expected).max() < 5 * (2 * expected.max()) ** 0.5


@pytest.mark.parametrize("ids", [3, 11])
def test_masks_are_uniform_sets(ids: int) -> None:
    null = LITTLE.null
    masks = draw_masks(null, ids, 40_000, np.random.default_rng(6))
    assert_distributed(masks.sum(axis=1), null, ids)
    assert np.abs(masks.mean(axis=0) - 0.5).max() < 0.02
    both = (masks[:, 0] & masks[:, 1]).mean()
    assert both == pytest.approx(6 * 5 / 12 / 11, abs=0.02)


def test_weighted_counts_take_each_token_as_often_as_it_stands() -> None:
    masks = np.array([[False, False, True, True] + [False] * 8])
    assert weighted_greens(LITTLE.counts, masks).tolist() == [[3.0, 2.0]]
