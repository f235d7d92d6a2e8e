"""α split exactly, the promise kept when a campaign grows, and both bounds against simulations."""

from fractions import Fraction
from math import log10
from pathlib import Path

import numpy as np
import pytest

from sif.errors import StorageError, UsageError
from sif.ownership.observation import Observation
from sif.ownership.policy import Policy
from sif.ownership.verdict import judge
from sif.session.campaign.family import keep_promise, promised, share
from sif.types import Decision
from sif.watermark.greenlist.count import GreenCount
from tests.ownership.picking import GREEN, TRIGGERS, VOCABULARY, WORDS, weigh

CAMPAIGNS, SUSPECTS, ALPHA = 3000, 20, 0.2


@pytest.mark.parametrize("alpha", [1e-6, 0.01, 0.1, 0.3, 1e-300, 0.49999999])
@pytest.mark.parametrize("parts", [1, 2, 3, 7, 10, 49, 1000, 999_983])
def test_shares_are_together_no_more_than_the_whole_and_not_less_than_need_be(
    alpha: float, parts: int
) -> None:
    whole = min(Fraction(alpha), Fraction(repr(alpha)))
    part = share(alpha, parts)
    assert Fraction(part) * parts <= whole
    assert Fraction(float(np.nextafter(part, 1.0))) * parts > whole


def test_what_is_too_little_to_be_split_is_refused() -> None:
    with pytest.raises(UsageError, match="split among 10 pairs"):
        share(5e-324, 10)


@pytest.fixture(scope="module")
def evidence() -> np.ndarray:
    """log10 of the highest e-values of innocents: (campaigns, suspects)."""
    rng = np.random.default_rng(19)
    shape = (CAMPAIGNS * SUSPECTS, TRIGGERS)
    counts = rng.hypergeometric(GREEN, VOCABULARY - GREEN, WORDS, shape)
    return weigh(counts, counts).evidence.reshape(CAMPAIGNS, SUSPECTS)


def _margin(rate: float) -> float:
    """Four standard errors."""
    return 4 * (rate * (1 - rate) / CAMPAIGNS) ** 0.5


def test_split_among_all_pairs_it_bounds_the_chance_of_any_false_claim(
    evidence: np.ndarray,
) -> None:
    split = (evidence >= -log10(share(ALPHA, SUSPECTS))).any(axis=1).mean()
    assert split <= ALPHA + _margin(ALPHA)
    assert split > 0  # it can happen, so that the bound says something


def test_whole_for_each_pair_it_bounds_what_is_expected_and_not_the_chance_of_any(
    evidence: np.ndarray,
) -> None:
    claims = (evidence >= -log10(ALPHA)).sum(axis=1)
    assert claims.mean() <= SUSPECTS * ALPHA
    assert (claims > 0).mean() > ALPHA + _margin(ALPHA)


def test_the_simulated_evidence_is_that_of_verdicts() -> None:
    rng = np.random.default_rng(3)
    counts = rng.hypergeometric(GREEN, VOCABULARY - GREEN, WORDS, (30, TRIGGERS))
    found = weigh(counts, counts).evidence
    policy = Policy(alpha=share(ALPHA, SUSPECTS), weighted=False)
    for row, evidence in zip(counts, found, strict=True):
        seen = [
            Observation(
                trigger=f"{place}", count=GreenCount(green=int(green), scored=WORDS), queries=1
            )
            for place, green in enumerate(row)
        ]
        verdict = judge(seen, vocabulary_size=VOCABULARY, green_size=GREEN, policy=policy)
        assert max(verdict.log10_e_value, 0.0) == pytest.approx(evidence, abs=1e-6)
        assert (verdict.decision is Decision.DERIVED) == (evidence >= -log10(policy.alpha))


def _pairs(number: int) -> list[str]:
    return [f"fp/{place}" for place in range(number)]


def _begin(out: Path, family_wise: bool | int, number: int) -> None:
    keep_promise(out, promised(out, alpha=0.01, family_wise=family_wise, pairs=_pairs(number)))


def test_a_split_campaign_takes_no_more_pairs_than_it_was_split_among(tmp_path: Path) -> None:
    _begin(tmp_path, True, 3)
    _begin(tmp_path, True, 3)
    _begin(tmp_path, True, 2)
    with pytest.raises(UsageError, match=r"at most the 3 pairs .* got 4, with .* \(3\)"):
        _begin(tmp_path, True, 4)
    others = ["fp/0", "fp/1", "fp/other"]
    with pytest.raises(UsageError, match="at most the 3 pairs"):  # also not in place of others
        promised(tmp_path, alpha=0.01, family_wise=True, pairs=others)


def test_one_with_room_grows_into_it(tmp_path: Path) -> None:
    _begin(tmp_path, 5, 3)
    record = promised(tmp_path, alpha=0.01, family_wise=5, pairs=_pairs(5))
    assert record.split_among == 5
    with pytest.raises(UsageError, match=r"split among 5 pairs, got 0\.01 split among 6"):
        _begin(tmp_path, 6, 3)
    with pytest.raises(UsageError, match="at most the 5 pairs"):
        _begin(tmp_path, 5, 6)


def test_fewer_than_there_are_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"at most the 2 pairs .* got 3"):
        _begin(tmp_path, 2, 3)


@pytest.mark.parametrize(("first", "then"), [(True, False), (False, True), (4, False)])
def test_a_promise_is_not_changed_afterwards(
    first: bool | int, then: bool | int, tmp_path: Path
) -> None:
    _begin(tmp_path, first, 3)
    with pytest.raises(UsageError, match="fixed before the first question"):
        _begin(tmp_path, then, 3)
    with pytest.raises(UsageError, match=r"got 0\.02"):
        promised(tmp_path, alpha=0.02, family_wise=first, pairs=_pairs(3))


def test_unsplit_campaigns_may_grow(tmp_path: Path) -> None:
    _begin(tmp_path, False, 3)
    assert promised(tmp_path, alpha=0.01, family_wise=False, pairs=_pairs(9)).pairs == ()


def test_a_damaged_promise_and_somebody_elses_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "campaign.json").write_text("{}")
    with pytest.raises(StorageError, match=r"campaign\.json"):
        _begin(tmp_path, False, 3)
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("mine")
    with pytest.raises(StorageError, match=r"campaign\.json"):
        _begin(other, False, 3)


def test_a_fingerprint_made_anew_is_another_draw_and_refused(tmp_path: Path) -> None:
    def promise(digest: str, label: str = "fp") -> None:
        given = {label: digest}
        now = promised(tmp_path, alpha=0.01, family_wise=9, pairs=[], fingerprints=given)
        keep_promise(tmp_path, now)

    promise("one")
    promise("two", "other")
    promise("one")
    with pytest.raises(UsageError, match="expected the fingerprint fp that was asked about"):
        promise("two")
