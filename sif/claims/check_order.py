"""The step of an audit about the order of asking: drawn from what nobody could choose."""

from dataclasses import replace

from sif.claims.anchor import lot_of
from sif.claims.case import Case
from sif.claims.folder import TIMESTAMP
from sif.claims.steps import Finding, Status
from sif.claims.timestamp import Token
from sif.claims.tries import OrderSource
from sif.fingerprint.folder import CLAIM, FingerprintSet


def order_source(case: Case) -> OrderSource:
    """What the order of asking was drawn from."""
    if case.header.policy.order == "fingerprint":
        return "maker"
    return "timestamp" if f"{CLAIM}/{TIMESTAMP}" in case.files else "secret"


def with_drawn_lot(case: Case) -> FingerprintSet:
    """The fingerprint with the lot of the commitment's timestamp; without, the secret decides."""
    if order_source(case) != "timestamp":
        return case.fingerprint
    return replace(case.fingerprint, lot=lot_of(Token.parse(case.take(f"{CLAIM}/{TIMESTAMP}"))))


def check_order(case: Case) -> Finding:
    """The order in which the journal asks was drawn from a trusted timestamp."""
    source = order_source(case)
    if source == "maker":
        return Finding(
            Status.NOT_CHECKED,
            "the order is the one in which the claimant numbered the triggers: the bound against "
            "transfer, and the moment of stopping, hold for an honest claimant only",
        )
    if source == "secret":
        return Finding(
            Status.NOT_CHECKED,
            "the order was drawn from the secret, so that the claimant knew it when making "
            "triggers: the bound against transfer holds for an honest claimant only",
        )
    if not case.trusted:
        return Finding(
            Status.NOT_CHECKED,
            "the order was drawn from the timestamp of the commitment, whose authority may be the "
            "claimant's own; give the certificate of one that you trust",
        )
    return Finding(
        Status.PASS, "drawn from the timestamp of the commitment, after everything was fixed"
    )
