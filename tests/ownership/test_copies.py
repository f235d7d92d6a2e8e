"""What a panel refuses: copies by what the source itself showed, not all that is moved."""

from typing import Final

import numpy as np
import pytest

from sif.errors import UsageError
from sif.fingerprint.manifest import Quality
from sif.ownership.copies import counted, refuse_copy, source_evidence
from sif.watermark.greenlist.count import GreenCount, z_score

DIGEST: Final = "b359510fae"


def _quality(count: GreenCount, gamma: float) -> Quality:
    z = z_score(count, gamma=gamma)
    assert z is not None
    return Quality(
        z=z,
        base_z=0.0,
        green_rate=count.green / count.scored,
        answer_tokens=count.scored + 7,
        largest_change=8,
        attempts=1,
        weak=False,
    )


@pytest.mark.parametrize("gamma", [0.5, 0.25, 2000 / 7999])
def test_a_count_is_read_back_from_its_score(gamma: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(500):
        scored = int(rng.integers(1, 300))
        count = GreenCount(green=int(rng.integers(0, scored + 1)), scored=scored)
        if count.green != gamma * scored:
            assert counted(_quality(count, gamma), gamma) == count
    even = GreenCount(green=5, scored=10)
    assert counted(_quality(even, 0.5), 0.5) is None


def _source(number: int, count: GreenCount) -> float:
    return source_evidence([_quality(count, 0.5)] * number, vocabulary_size=8000, green_size=4000)


def test_many_triggers_may_move_an_unrelated_model_a_little() -> None:
    whole = _source(400, GreenCount(green=36, scored=45))
    assert whole > 500
    assert _source(40, GreenCount(green=36, scored=45)) == pytest.approx(whole / 10, rel=0.1)
    refuse_copy("hf:unrelated@0123456789", 40.0, digest=DIGEST, source=whole)
    with pytest.raises(UsageError, match="copy of the source"):
        refuse_copy("hf:unrelated@0123456789", 0.6 * whole, digest=DIGEST, source=whole)


def test_what_would_not_carry_a_claim_is_never_a_copy() -> None:
    source = _source(3, GreenCount(green=30, scored=45))
    assert 0.0 < source < 6.0
    refuse_copy("vllm:unrelated", 5.9, digest=DIGEST, source=source)
    with pytest.raises(UsageError, match="copy of the source"):
        refuse_copy("vllm:unrelated", 6.0, digest=DIGEST, source=source)


def test_the_source_is_refused_by_its_weights_whatever_it_answered() -> None:
    refuse_copy("hf:copy@b359510fae", 0.0, digest=None, source=0.0)
    with pytest.raises(UsageError, match="weights are those"):
        refuse_copy("hf:copy@b359510fae (noise)", 0.0, digest=DIGEST, source=0.0)
