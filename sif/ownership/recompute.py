"""A calibration again, from the panel's recorded answers instead of the panel.

Whoever has the fingerprint with its keys and the answers gets the claimant's calibration, number by
number, or another one. Knows nothing of where answers are kept.
"""

from collections.abc import Mapping
from dataclasses import replace

from sif.fingerprint.folder import FingerprintSet
from sif.ownership.calibrating import Asked, ask_member, calibrate, compared
from sif.ownership.calibration import Calibration, PanelMember, SourceAnswers
from sif.ownership.references import MISSING
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Reply


def recompute(
    fingerprint: FingerprintSet, answers: Mapping[str, Mapping[str, Reply]], stated: Calibration
) -> Calibration:
    """What the recorded answers give, asked as the stated calibration says that it was.

    Args:
        fingerprint: with its keys.
        answers: of every member by its name in the calibration; replies by `Query.digest`. What is
            not there was not answered.
        stated: says who was asked how; of its figures none is used. `created` is taken over.

    Returns:
        Equal to `stated` where that is right.

    Raises:
        SuspectError: a member of whom no answer was recorded.
        UsageError: as of `calibrate`.
        FingerprintError: the keys are not at hand.
    """
    fingerprint, policy = replace(fingerprint, example=stated.example), stated.manner

    def asked(one: PanelMember | SourceAnswers, model: str | None) -> Asked:
        return ask_member(
            fingerprint,
            _recorded(one.suspect, answers.get(one.suspect, {})),
            image_attack=one.image_attack,
            model=model,
            policy=policy,
        )

    panel = [asked(member, member.model) for member in stated.members]
    source: tuple[SourceAnswers, ...] = ()
    if stated.source:
        ours = [asked(one, None) for one in stated.source]
        panel, source = compared(fingerprint, panel, ours, policy=policy)
    again = calibrate(
        fingerprint,
        panel,
        source=source,
        policy=policy,
        example=stated.example,
        confidence=stated.confidence,
        simultaneous=stated.simultaneous,
    )
    return again.model_copy(update={"created": stated.created})


def _recorded(name: str, replies: Mapping[str, Reply]) -> ScriptedSuspect:
    return ScriptedSuspect(lambda query: replies.get(query.digest, MISSING), name=name)
