"""Limits hold their false-positive rate on benign traffic that they were not chosen on."""

import numpy as np
import pytest

from sif.attacks.divergence.choose_thresholds import calibrate_thresholds, published_thresholds
from sif.attacks.divergence.judge import Judge
from sif.attacks.divergence.perplexity import PromptPerplexity
from sif.attacks.divergence.signal import Side
from sif.attacks.divergence.similarity import EmbeddingSimilarity
from sif.attacks.divergence.thresholds import Threshold, Values
from sif.attacks.divergence.word_signals import AnswerLength, WordOverlap
from sif.errors import UsageError
from sif.suspects.scripted import ScriptedSuspect

OVERLAP, LENGTH, SIMILARITY = WordOverlap(), AnswerLength(), EmbeddingSimilarity(None)
ODDITY = PromptPerplexity(None, None)


def traffic(number: int, seed: int, *, tied: bool = False) -> list[Values]:
    rng = np.random.default_rng(seed)
    drawn = rng.random((number, 3))
    if tied:
        drawn = drawn.round(1)
    names = ("jaccard", "length", "cosine")
    return [dict(zip(names, map(float, row), strict=True)) for row in drawn]


def test_a_value_at_the_limit_is_not_flagged_and_a_missing_one_never() -> None:
    low = Threshold(signal="jaccard", side=Side.BELOW, limit=0.1)
    high = Threshold(signal="perplexity", side=Side.ABOVE, limit=1000.0)
    assert [low.flags(value) for value in (0.09, 0.1, 0.5, None)] == [True, False, False, False]
    assert [high.flags(value) for value in (999.0, 1000.0, 1001.0, None)] == [0, 0, 1, 0]


def test_one_signal_flags_the_conformal_rank() -> None:
    benign: list[Values] = [{"length": float(value)} for value in range(99)]
    (limit,) = calibrate_thresholds([LENGTH], benign, fpr=0.05, method="bonferroni").limits
    assert limit == Threshold(signal="length", side=Side.BELOW, limit=4.0)


@pytest.mark.parametrize("method", ["joint", "bonferroni"])
@pytest.mark.parametrize("tied", [False, True])
def test_the_rate_holds_on_other_traffic(method, tied: bool) -> None:
    rates = []
    for seed in range(60):
        signals = [OVERLAP, LENGTH, SIMILARITY]
        known, other = traffic(120, seed, tied=tied), traffic(400, 1000 + seed, tied=tied)
        chosen = calibrate_thresholds(signals, known, fpr=0.1, method=method)
        rates.append(np.mean([bool(chosen.flagged(values)) for values in other]))
    assert np.mean(rates) < 0.105
    if not tied:
        assert np.mean(rates) > 0.05


def test_signals_that_agree_share_nothing_in_the_joint_choice() -> None:
    benign: list[Values] = [{"jaccard": v / 99, "length": float(v)} for v in range(99)]
    joint = calibrate_thresholds([OVERLAP, LENGTH], benign, fpr=0.1)
    parts = calibrate_thresholds([OVERLAP, LENGTH], benign, fpr=0.1, method="bonferroni")
    flags = [sum(bool(one.flagged(values)) for values in benign) for one in (joint, parts)]
    assert flags[0] > flags[1] > 0


@pytest.mark.parametrize("method", ["joint", "bonferroni"])
def test_too_few_benign_questions_are_said_to_be(method) -> None:
    with pytest.raises(UsageError, match=r"questions enough to hold 5\.0%"):
        calibrate_thresholds([OVERLAP, LENGTH], traffic(12, 0), fpr=0.05, method=method)


def test_an_empty_benign_set_is_said_to_be() -> None:
    for values in ([], [{"length": None}] * 50):
        with pytest.raises(UsageError, match="benign"):
            calibrate_thresholds([LENGTH], values, fpr=0.05)


def test_an_impossible_rate_is_refused() -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        calibrate_thresholds([LENGTH], traffic(50, 0), fpr=1.0)


def test_the_paper_set_is_numbers_and_the_release_set_percentiles() -> None:
    benign: list[Values] = [
        {"perplexity": float(v), "cosine": v / 100, "length": float(v)} for v in range(101)
    ]
    signals = [ODDITY, OVERLAP, SIMILARITY, LENGTH]
    paper = published_thresholds("paper", signals, [])
    assert {one.signal: one.limit for one in paper.limits} == {"perplexity": 1000, "jaccard": 0.1}
    release = published_thresholds("release", signals, benign)
    assert {one.signal: one.limit for one in release.limits} == {
        "perplexity": pytest.approx(95),
        "cosine": pytest.approx(0.01),
        "length": pytest.approx(3),
    }
    assert (paper.calibration, release.calibration) == (0, 101)
    assert paper.digest != release.digest


def test_a_published_set_needs_one_of_its_signals() -> None:
    with pytest.raises(UsageError, match="perplexity, jaccard"):
        published_thresholds("paper", [LENGTH], [])


def test_a_judge_keeps_its_own_limit() -> None:
    judge = Judge(ScriptedSuspect({}))
    for chosen in (
        calibrate_thresholds([LENGTH, judge], traffic(100, 0), fpr=0.05),
        published_thresholds("paper", [OVERLAP, judge], []),
    ):
        assert chosen.limits[-1] == Threshold(signal="judge", side=Side.ABOVE, limit=0.5)
        assert len(chosen.limits) == 2
