"""In which order triggers are asked: as their maker numbered them, or drawn by lot.

A trigger's place in the draw is HMAC-SHA256(lot, its id); the smallest is asked first. The lot is
32 bytes: from the timestamp over the commitment, which nobody can know or choose before triggers,
pictures and rules are fixed, or else from the secret (`KeyRing.lot`), which is drawn before
triggers are made. The second binds an honest owner only: who knows the order beforehand can make
triggers to fit it. Triggers that are to serve several disputes are cut, in that order, into blocks
(`block`), so that nobody chooses which are asked together either. Knows nothing of answers.
"""

import hmac
from collections.abc import Sequence
from typing import TypeVar

from sif.errors import FingerprintError
from sif.fingerprint.folder import FingerprintSet, Trigger
from sif.ownership.policy import Policy
from sif.ownership.transfer import Draw
from sif.watermark.keys import KeyRing

T = TypeVar("T")


def in_order(fingerprint: FingerprintSet, policy: Policy) -> tuple[Trigger, ...]:
    """All triggers of a fingerprint in the order in which a policy asks them.

    Raises:
        FingerprintError: the order is drawn, and there is neither a lot nor a secret.
    """
    if policy.order == "fingerprint":
        return fingerprint.triggers
    lot = fingerprint.lot
    if lot is None:
        if not isinstance(fingerprint.keys, KeyRing):
            raise FingerprintError(
                "expected the owner's secret key or a timestamp, from which the order of asking is "
                f"drawn, got neither in {fingerprint.folder}"
            )
        lot = fingerprint.keys.lot
    return tuple(sorted(fingerprint.triggers, key=lambda one: place(lot, one.record.id)))


def place(lot: bytes, trigger: str) -> bytes:
    """Where a trigger comes: the smallest first."""
    return hmac.digest(lot, trigger.encode(), "sha256")


def block(things: Sequence[T], number: int, blocks: int) -> Sequence[T]:
    """The things in one of so many blocks, numbered from 1, whose sizes differ by at most one."""
    size = len(things)
    return things[(number - 1) * size // blocks : number * size // blocks]


def draw_of(fingerprint: FingerprintSet, policy: Policy) -> Draw | None:
    """What the bet against transfer must know of the draw; None where nothing is drawn.

    It was drawn among all triggers, also where one block of them is asked: a block of an order that
    was drawn is one that was drawn, in which the others would come later.
    """
    asked, all_of_them = len(fingerprint.triggers), len(fingerprint.manifest.triggers)
    if policy.order == "fingerprint":
        return None
    return Draw(
        triggers=all_of_them,
        stamped=fingerprint.lot is not None,
        most=asked if asked < all_of_them else None,
    )
