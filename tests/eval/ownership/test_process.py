import numpy as np
import pytest

from sif.eval.ownership.corpus import ENGLISH, OWNER, TextSet, load_corpus
from sif.eval.ownership.draws import draw_greens
from sif.eval.ownership.process import highest_log10_e_values
from sif.ownership import Evidence, Observation, Policy
from sif.watermark.greenlist import GreenCount


def evidence_of(texts: TextSet, counts: list[tuple[int, int]]) -> Evidence:
    null = texts.null
    evidence = Evidence(
        vocabulary_size=null.vocabulary_size, green_size=null.green_size, policy=Policy()
    )
    for number, (green, scored) in enumerate(counts):
        count = GreenCount(green=green, scored=scored)
        evidence.add(Observation(trigger=f"{number}", count=count))
    return evidence


@pytest.mark.parametrize("name", [ENGLISH, OWNER])
@pytest.mark.parametrize("gain", [0, 3, 9])
def test_many_audits_at_once_bet_as_the_package_does(name: str, gain: int) -> None:
    texts = load_corpus()[name]
    greens = draw_greens(texts, 6, np.random.default_rng(gain)) + gain
    highest = highest_log10_e_values(texts.null, np.array([texts.sizes]), greens)
    for row, expected in zip(greens, highest, strict=True):
        counts = list(zip(map(int, row), texts.sizes, strict=True))
        assert evidence_of(texts, counts).highest == pytest.approx(expected, rel=1e-10)


def test_another_order_and_dropped_triggers_bet_as_the_package_does() -> None:
    texts, rng = load_corpus()[OWNER].first(12), np.random.default_rng(4)
    greens = draw_greens(texts, 5, rng) + 4
    order = rng.permuted(np.tile(np.arange(12), (5, 1)), axis=1)
    kept = rng.random((5, 12)) < 0.6
    sizes = np.take_along_axis(np.tile(texts.sizes, (5, 1)), order, axis=1)
    greens = np.take_along_axis(greens, order, axis=1)
    highest = highest_log10_e_values(texts.null, sizes, greens, kept=kept)
    for audit, expected in enumerate(highest):
        rows = zip(greens[audit], sizes[audit], kept[audit], strict=True)
        counts = [(int(green), int(size)) for green, size, counted in rows if counted]
        assert evidence_of(texts, counts).highest == pytest.approx(expected, rel=1e-10)
