"""Batches: the triggers of one claim serve several disputes, each with its own.

The order of asking is drawn from the timestamp over the commitment (`sif.ownership.order`), and
batch b of K is the b-th block of it; sizes differ by at most one. K stands in the commitment. So
nobody knows before triggers, pictures and rules are fixed which of them are asked together, and
nobody chooses it afterwards. A run asks one batch, and a bundle reveals the seeds of that batch
alone (`sif.claims.seeds`): the others stay secret for the next dispute.

What the proofs need of it:

1. *Independence.* Keys are uniform whatever batch they are in, so the e-value of each batch is one.
   Who may show the best of K has had K draws, so that an audit takes log10 K off, beside what it
   takes off for runs: P(any of K reaches K/α) ≤ α.
2. *Transfer.* The block of a uniform order, followed by all others in their order, is a uniform
   order of all N triggers too, and the bet stops at the latest where the block ends, which is a
   stopping time. So the theorem holds with τ for all N triggers and n asked of them at most (docs,
   Verdicts), and with K draws again.
3. *Gaps.* The questions that may be left out are those of the batch.

Knows no bundles.
"""

from collections.abc import Sequence
from dataclasses import replace

from sif.claims.commit import check_clock, read_commitment, with_lot
from sif.claims.commitment import Header
from sif.errors import ClaimError
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.order import block, place


def labels_of(
    triggers: Sequence[str], header: Header, lot: bytes | None, batch: int | None
) -> Sequence[str]:
    """Which triggers are in a batch, in the order of asking; all of them where there is but one.

    Args:
        triggers: the ids of all.
        header: says how many batches there are.
        lot: of the commitment's timestamp.
        batch: from 1; none where the claim has no batches.

    Raises:
        ClaimError: no such batch, or nothing that it is drawn from.
    """
    if header.batches is None:
        if batch is not None:
            raise ClaimError(f"the commitment has no batches, so that {batch} is none of them")
        return triggers
    if batch is None or not 1 <= batch <= header.batches:
        raise ClaimError(
            f"expected the batch of this dispute, 1 to {header.batches}, got {batch or 'none'}; "
            "name it with --claim-batch, a new one for each dispute"
        )
    if lot is None:
        raise ClaimError(
            "batches are drawn from the timestamp over the commitment, and there is none; run `sif "
            "claim timestamp` first"
        )
    order = sorted(triggers, key=lambda one: place(lot, one))
    return block(order, batch, header.batches)


def in_batch(fingerprint: FingerprintSet, header: Header, batch: int | None) -> FingerprintSet:
    """The fingerprint with the triggers of one batch, and with all others out of reach.

    Args:
        fingerprint: with the lot of its timestamp.
        header: of its commitment.
        batch: from 1; none where the claim has no batches.

    Raises:
        ClaimError: as of `labels_of`, or a trigger of the batch is not at hand.
    """
    ids = [record.id for record in fingerprint.manifest.triggers]
    labels = set(labels_of(ids, header, fingerprint.lot, batch))
    if missing := sorted(labels - {trigger.record.id for trigger in fingerprint.triggers}):
        raise ClaimError(f"trigger {missing[0]} of the batch that was asked is not revealed")
    within = tuple(one for one in fingerprint.triggers if one.record.id in labels)
    return replace(fingerprint, triggers=within)


def as_committed(fingerprint: FingerprintSet, batch: int | None) -> FingerprintSet:
    """What a run by the rules of the commitment asks: its batch, in the order that was drawn.

    Raises:
        ClaimError: no commitment, a clock that is behind its timestamp, or as of `labels_of`.
    """
    header = read_commitment(fingerprint.folder).header
    check_clock(fingerprint.folder)
    return in_batch(with_lot(fingerprint), header, batch)
