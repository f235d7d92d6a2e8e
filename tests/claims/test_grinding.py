"""What trying many secrets gains, and that the discount covers it."""

from math import log10

import numpy as np
import pytest

from sif.ownership.observation import Observation
from sif.ownership.policy import Policy
from sif.ownership.verdict import judge
from sif.watermark.greenlist.count import count_green
from sif.watermark.greenlist.mask import green_mask
from sif.watermark.keys import KeyRing

VOCABULARY, TRIGGERS, SECRETS = 500, 6, 400


def evidence(keys: KeyRing, answers: list[list[int]]) -> float:
    """log10 of the largest e-value of these answers, which know nothing of any key."""
    observations = []
    for number, ids in enumerate(answers, start=1):
        label = f"{number:04d}"
        mask = green_mask(keys.key(label), vocabulary_size=VOCABULARY, gamma=0.5)
        observations.append(Observation(trigger=label, count=count_green(ids, mask)))
    sizes = {"vocabulary_size": VOCABULARY, "green_size": VOCABULARY // 2}
    return judge(observations, **sizes, policy=Policy()).log10_e_value


@pytest.mark.parametrize("seed", [0, 1])
def test_the_best_of_many_secrets_looks_like_evidence_until_it_is_discounted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    answers = [list(map(int, rng.choice(VOCABULARY, 40, replace=False))) for _ in range(TRIGGERS)]
    found = sorted(evidence(KeyRing(rng.bytes(32)), answers) for _ in range(SECRETS))
    assert found[SECRETS // 2] < 0.5
    assert found[-1] > 1.0
    assert found[-1] - log10(SECRETS) < 1.0


def test_the_owner_cannot_grind_what_hangs_on_an_anchor() -> None:
    """Another label, another order, another anchor: other keys, and none of them his choice."""
    keys = KeyRing(bytes(32), anchor=bytes(32))
    again = KeyRing(bytes(32), anchor=bytes(31) + b"\x01")
    labels = ("0001", "0002")
    assert len({ring.key(label) for ring in (keys, again) for label in labels}) == 4
