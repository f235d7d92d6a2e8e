"""The order of asking: drawn by a lot that nobody chose, the same for everybody who has it."""

import hashlib
import hmac
from collections import Counter
from dataclasses import replace

import pytest

from sif.errors import FingerprintError
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.order import draw_of, in_order, place
from sif.ownership.policy import Policy
from sif.ownership.sequential import decide
from sif.suspects.scripted import ScriptedSuspect
from sif.watermark.keys import KeyRing
from tools.time_audit import answers, make_up

DRAWN = Policy(order="drawn")
SECRET = bytes(range(32))


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> FingerprintSet:
    folder = tmp_path_factory.mktemp("fp") / "fp"
    return make_up(folder, triggers=24, vocabulary_size=600, keys=KeyRing(SECRET))


def names(fingerprint: FingerprintSet, policy: Policy) -> list[str]:
    return [one.record.id for one in in_order(fingerprint, policy)]


def test_an_old_policy_asks_in_the_order_of_the_fingerprint(owned: FingerprintSet) -> None:
    old = Policy.model_validate_json('{"alpha": 1e-6}')
    assert names(owned, old) == [one.record.id for one in owned.triggers]
    assert draw_of(owned, old) is None


def test_without_a_timestamp_the_secret_decides_the_order(owned: FingerprintSet) -> None:
    lot = hmac.digest(SECRET, b"sif order 1\x00", "sha256")
    expected = sorted(
        (one.record.id for one in owned.triggers),
        key=lambda name: hmac.digest(lot, name.encode(), "sha256"),
    )
    assert names(owned, DRAWN) == expected != sorted(expected)
    anchored = replace(owned, keys=KeyRing(SECRET, anchor=bytes(32)))
    assert names(anchored, DRAWN) == expected
    draw = draw_of(owned, DRAWN)
    assert draw is not None
    assert (draw.triggers, draw.stamped) == (24, False)


def test_a_timestamp_goes_before_the_secret(owned: FingerprintSet) -> None:
    stamped = replace(owned, lot=hashlib.sha256(b"token").digest())
    assert names(stamped, DRAWN) != names(owned, DRAWN)
    assert names(replace(stamped, keys=None), DRAWN) == names(stamped, DRAWN)
    draw = draw_of(stamped, DRAWN)
    assert draw is not None
    assert draw.stamped


def test_nothing_to_draw_from_is_said(owned: FingerprintSet) -> None:
    with pytest.raises(FingerprintError, match="neither"):
        in_order(replace(owned, keys=None), DRAWN)


def test_lots_draw_every_order_alike() -> None:
    """All six orders of three triggers, over lots that differ."""
    seen = Counter(
        "".join(sorted("abc", key=lambda name: place(number.to_bytes(32), name)))
        for number in range(6000)
    )
    assert len(seen) == 6
    assert sum((times - 1000) ** 2 / 1000 for times in seen.values()) < 25.7  # χ² of 5, p = 1e-4


def test_an_audit_asks_in_the_drawn_order(owned: FingerprintSet) -> None:
    suspect = ScriptedSuspect(answers(owned, green=20, scored=30))
    policy = DRAWN.model_copy(update={"transfer_allowance": 0.35, "alpha": 1e-30})
    verdict = decide(owned, suspect, policy, batch_size=5)
    assert [query.trigger for query in suspect.asked] == names(owned, policy)
    assert [one.id for one in verdict.per_trigger] == names(owned, policy)
