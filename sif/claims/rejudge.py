"""The verdict again, from recorded replies instead of a suspect, through the ordinary audit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sif.claims.record import Line, Question, Replayed
from sif.errors import ClaimError, UsageError
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.calibration import read_calibration
from sif.ownership.panel_answers import references_for
from sif.ownership.policy import Policy
from sif.ownership.sequential import decide
from sif.ownership.verdict import Verdict


def rejudge(
    fingerprint: FingerprintSet,
    lines: Sequence[Line],
    asked: Mapping[tuple[str, int], Question],
    policy: Policy,
    *,
    like: Verdict,
) -> Verdict:
    """What `sif.ownership.sequential.decide` says to these replies.

    The triggers of the verdict are one batch, so that asking stops where the run did. Where
    failures were asked again, the journal may go further than the verdict: a run that is taken up
    stops as soon as the answers suffice. What lies behind changes no e-value's maximum for the
    worse, and its gaps are counted all the same.

    Args:
        fingerprint: with its keys.
        lines: checked.
        asked: every question that may be asked.
        policy: the rules.
        like: the verdict that is computed again: how many triggers it rests on, and whether it
            states the published match rate, which the calibration says.

    Raises:
        ClaimError: the run stopped although neither the evidence nor the triggers nor the budget
            were at an end, or sizes, budget and replies make no sense together.
        FingerprintError: the calibration is none, or that of another fingerprint.
    """
    if not policy.weighted:  # spares weighing every answer for nothing
        manifest = fingerprint.manifest.model_copy(update={"weights_sha256": None})
        fingerprint = replace(fingerprint, manifest=manifest)
    try:
        measured = read_calibration(fingerprint.folder) if like.match_rate is not None else None
        return decide(
            fingerprint,
            Replayed(lines),
            policy,
            references=references_for(fingerprint.folder, policy),
            highest_unrelated=None if measured is None else measured.highest_unrelated,
            batch_size=max(1, len(like.per_trigger)),
        )
    except UsageError as error:
        raise ClaimError(f"the replies cannot be judged: {error}") from error
