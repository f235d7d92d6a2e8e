"""What chance alone gives, exactly."""

from math import comb

import numpy as np
import pytest

from sif.errors import UsageError
from sif.ownership.chance import CHANCE_MARGIN, chance_floor, chance_reaction
from sif.ownership.null import HypergeometricNull
from sif.ownership.transfer import reaction
from sif.watermark.greenlist.count import GreenCount


def test_the_mean_reaction_is_that_over_all_green_lists() -> None:
    """Whole numbers and binomials, term by term."""
    null = HypergeometricNull(vocabulary_size=21, green_size=10)
    gamma, scored = 10 / 21, 7
    expected = sum(
        comb(10, green)
        * comb(11, scored - green)
        / comb(21, scored)
        * min(
            1.0,
            max(
                0.0,
                min(
                    (green / scored - gamma) / 0.2,
                    (green - gamma * scored) / (scored * gamma * (1 - gamma)) ** 0.5 / 3,
                ),
            ),
        )
        for green in range(scored + 1)
    )
    assert chance_reaction(scored, null) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("scored", [3, 20, 80, 300])
def test_drawn_counts_have_that_mean(scored: int) -> None:
    rng = np.random.default_rng(4)
    greens = rng.hypergeometric(16_000, 16_000, scored, size=20_000)
    seen = [reaction(GreenCount(green=int(g), scored=scored), gamma=0.5) for g in greens]
    exact = chance_reaction(scored, HypergeometricNull(vocabulary_size=32_000, green_size=16_000))
    assert np.mean(seen) == pytest.approx(exact, abs=4 * np.std(seen) / 20_000**0.5)


def test_the_floor_is_the_mean_over_all_answers_and_a_margin() -> None:
    sizes = {"vocabulary_size": 600, "green_size": 300}
    null = HypergeometricNull(**sizes)
    both = (chance_reaction(20, null) * 3 + chance_reaction(70, null)) / 4
    found = chance_floor([20, 70, 20, 20], **sizes)
    assert found == pytest.approx(both + CHANCE_MARGIN)
    assert chance_floor([20, 70, 20, 20], **sizes, margin=0.0) == pytest.approx(both)


def test_the_margin_covers_answers_of_other_lengths() -> None:
    null = HypergeometricNull(vocabulary_size=32_000, green_size=16_000)
    means = [chance_reaction(scored, null) for scored in range(3, 101)]
    assert max(means) - min(means) < CHANCE_MARGIN


def test_no_answers_and_a_negative_margin_are_refused() -> None:
    for scored, margin in (([], 0.05), ([20], -0.1)):
        with pytest.raises(UsageError, match="margin of at least 0"):
            chance_floor(scored, vocabulary_size=600, green_size=300, margin=margin)
