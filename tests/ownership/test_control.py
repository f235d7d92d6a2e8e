"""The control's two tests: what an honest owner loses, and what whoever picked pictures wins."""

from dataclasses import replace

import numpy as np
import pytest

from sif.errors import UsageError
from sif.ownership.control import LEVEL, LIMIT, weigh_bases
from sif.ownership.observation import Observation
from sif.ownership.pairs import PairEvidence
from sif.ownership.policy import Policy
from sif.watermark.greenlist.count import GreenCount
from tests.ownership.picking import GREEN, TRIGGERS, VOCABULARY, WORDS, Cheat, pick, weigh

SIZES = {"vocabulary_size": VOCABULARY, "green_size": GREEN}


def counts(greens: np.ndarray) -> list[GreenCount]:
    return [GreenCount(green=int(green), scored=WORDS) for green in greens]


def observed(greens: np.ndarray) -> list[Observation]:
    pairs = enumerate(counts(greens))
    return [Observation(trigger=f"{number:04d}", count=count) for number, count in pairs]


def honest(audits: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Green counts of a copy's answers to triggers and to base pictures, keys being drawn.

    Both say half of the same words, so that a key that suits the trigger suits its base picture.
    """
    rng, half = np.random.default_rng(seed), WORDS // 2
    common = rng.hypergeometric(GREEN, GREEN, half, (audits, TRIGGERS))
    bases = common + rng.hypergeometric(GREEN - common, GREEN - half + common, half)
    return common + rng.binomial(half, 0.95, common.shape), bases


def test_an_honest_owner_is_refused_with_a_probability_of_at_most_the_level() -> None:
    """Also where asking stops as the evidence suffices, for which luck in common words counts."""
    triggers, bases = honest(3000, seed=2)
    whole = weigh(triggers, bases)
    assert (whole.bases >= LIMIT).mean() <= LEVEL
    for stop in (3, 6, 12):
        lucky = np.argsort(-triggers[:, :stop].sum(1))
        refused = weigh(triggers[lucky, :stop], bases[lucky, :stop]).bases >= LIMIT
        assert refused.mean() <= LEVEL
    assert (whole.pairs >= LIMIT).mean() > 0.99


def test_a_sum_of_those_asked_has_no_p_value() -> None:
    """Whether more is asked depends on the keys, so that the number of parts is no accident."""
    triggers, bases = honest(3000, seed=3)
    stopped = triggers[:, :2].sum(1) >= 54
    assert bases[stopped, :2].mean() > WORDS / 2 + 1.0  # no longer half of the words


@pytest.mark.parametrize(
    "cheat",
    [
        Cheat(alike=True),
        Cheat(),
        Cheat(among=10),
        Cheat(among=10, moved=0.05),
        Cheat(shared=0.4),
    ],
)
def test_picked_pictures_convict_no_innocent_beyond_the_level(cheat: Cheat) -> None:
    found = pick(cheat, audits=400, seed=4)
    assert found.convicted(6.0) > 0.2  # what the evidence alone would have said
    assert found.passed(6.0) <= LEVEL
    assert found.passed(3.0) <= LEVEL


@pytest.mark.slow
@pytest.mark.parametrize("moved", [0.0, 0.05, 0.1])
@pytest.mark.parametrize("among", [1, 3, 10, 200])
def test_of_twenty_thousand_audits_on_picked_pictures_the_level_is_kept(
    among: int, moved: float
) -> None:
    """Promised where the change moves nobody; what it moves is left to τ and the panel."""
    found = pick(Cheat(among=among, moved=moved), audits=20_000, seed=1)
    assert found.passed(13.04) <= LEVEL
    if moved == 0.0:
        assert found.passed(3.0) <= LEVEL
        assert found.passed(6.0) <= LEVEL


def test_answers_that_cannot_tell_triggers_from_bases_win_no_bet() -> None:
    """However green both are, and wherever asking stops: pairs are exchangeable."""
    rng = np.random.default_rng(5)
    shape = (4000, TRIGGERS)
    rate = rng.uniform(0.3, 1.0, shape)  # picked, for each picture
    one, two = (rng.binomial(WORDS, rate) for _ in range(2))
    assert (weigh(one, two).pairs >= LIMIT).mean() <= LEVEL
    assert (weigh(one, one).pairs < 1e-12).all()


def test_eight_pairs_at_least_are_needed() -> None:
    pairs = PairEvidence()
    found = [pairs.add(1.0, 0.0) for _ in range(9)]
    assert found[6] < LIMIT <= found[7]


def test_what_has_no_answer_counts_against_the_claim() -> None:
    for silent, seen in (((None, 0.3), (0.0, 0.3)), ((0.7, None), (0.7, 1.0))):
        one, other = PairEvidence(), PairEvidence()
        assert one.add(*silent) == other.add(*seen) < 0.0
    with pytest.raises(UsageError, match="between 0 and 1"):
        PairEvidence().add(1.5, 0.0)


def test_the_tables_of_the_simulation_are_what_the_library_weighs() -> None:
    triggers, bases = honest(5, seed=6)
    table = weigh(triggers, bases)
    for row in range(5):
        found = weigh_bases(
            observed(bases[row]), counts(triggers[row]), **SIZES, policy=Policy(weighted=False)
        )
        assert found.log10_e_value == pytest.approx(table.bases[row])
        assert found.pairs_log10_e_value == pytest.approx(table.pairs[row])
        assert found.p_value == pytest.approx(10.0 ** -table.bases[row])
        assert found.green_rate == pytest.approx(bases[row].mean() / WORDS)


def test_a_base_picture_without_an_answer_is_no_evidence_of_its_own() -> None:
    silent = replace(observed(np.array([15]))[0], count=None, reason="refused")
    found = weigh_bases([silent], [None], **SIZES, policy=Policy())
    assert found.log10_e_value == 0.0
    assert found.green_rate is None
