"""In which order triggers are asked: as their maker numbered them, or drawn by lot.

A trigger's place in the draw is HMAC-SHA256(lot, its id); the smallest is asked first. The lot is
32 bytes: from the timestamp over the commitment, which nobody can know or choose before triggers,
pictures and rules are fixed, or else from the secret (`KeyRing.lot`), which is drawn before
triggers are made. The second binds an honest owner only: who knows the order beforehand can make
triggers to fit it. Knows nothing of answers.
"""

import hmac

from sif.errors import FingerprintError
from sif.fingerprint.folder import FingerprintSet, Trigger
from sif.ownership.policy import Policy
from sif.ownership.transfer import Draw


def in_order(fingerprint: FingerprintSet, policy: Policy) -> tuple[Trigger, ...]:
    """All triggers of a fingerprint in the order in which a policy asks them.

    Raises:
        FingerprintError: the order is drawn, and there is neither a lot nor a secret.
    """
    if policy.order == "fingerprint":
        return fingerprint.triggers
    lot = fingerprint.lot
    if lot is None:
        if fingerprint.keys is None:
            raise FingerprintError(
                "expected the owner's secret key or a timestamp, from which the order of asking is "
                f"drawn, got neither in {fingerprint.folder}"
            )
        lot = fingerprint.keys.lot
    return tuple(sorted(fingerprint.triggers, key=lambda one: place(lot, one.record.id)))


def place(lot: bytes, trigger: str) -> bytes:
    """Where a trigger comes: the smallest first."""
    return hmac.digest(lot, trigger.encode(), "sha256")


def draw_of(fingerprint: FingerprintSet, policy: Policy) -> Draw | None:
    """What the bet against transfer must know of the draw; None where nothing is drawn."""
    if policy.order == "fingerprint":
        return None
    return Draw(triggers=len(fingerprint.triggers), stamped=fingerprint.lot is not None)
