"""Step of an audit about τ: that it is what the panel's answers give, and more than chance.

1. Whatever calibration.json says follows from the answers in it, by the function of `sif
calibrate`, at its confidence or a higher one; the step `policy` has seen that the committed
allowance is no smaller than the one in it. 2. The allowance is no smaller than the mean reaction of
words that know nothing, for each number of distinct words that the panel or the suspect said, and
a margin. Below that, null B (E[s_i] ≤ τ) would be false of every innocent, and refuting it would
show nothing. 3. Where the panel's answers are in the bundle, they give the counts. That the panel
gave these answers is the claimant's word.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from sif.claims.case import Case
from sif.claims.check_tokenizer import try_cutting
from sif.claims.commitment import first_difference
from sif.claims.reveal import FINGERPRINT
from sif.claims.steps import Finding, Status
from sif.errors import ClaimError, UsageError
from sif.ownership.calibrating import Asked, calibrate
from sif.ownership.calibration import CONFIDENCE, Calibration, read_calibration
from sif.ownership.chance import chance_reaction
from sif.ownership.copies import SHARE, source_evidence
from sif.ownership.null import HypergeometricNull
from sif.ownership.panel_answers import (
    PanelAnswers,
    miscounted,
    read_panel,
    source_nearness,
    source_shown,
)

MARGIN: Final = 0.02
"""How much further than chance τ must reach, on the scale of reactions from 0 to 1."""
MOST_WORDS: Final = 2_000_000
"""Of all lengths of answers together, each length once; chance is computed for each of them."""
STILL_SAID: Final = 0.8
"""Nearness of a model's answers to its own of another day and machine, at least."""
UNTOLD: Final = {"created", "log10_e_value"}


def check_transfer(case: Case) -> Finding:
    """The transfer allowance is at least what the panel's answers, and chance, give."""
    policy = case.header.policy
    allowance = policy.transfer_allowance
    if allowance is None and policy.contrast_allowance is None:
        return Finding(
            Status.NOT_CHECKED,
            "whether unrelated models react to these pictures too: the fingerprint was not "
            "calibrated, and nothing here tests it",
        )
    measured = read_calibration(case.folder / FINGERPRINT)
    if allowance is None or policy.contrast_allowance is not None:
        _require_contrasts(measured)
    stated = [one for one in (allowance, policy.contrast_allowance) if one is not None]
    words = f"the allowance {' and '.join(f'{one:.4g}' for one in stated)} "
    if measured is not None:
        words += _measured(case, measured)
    if allowance is None:
        return _of_contrasts(case, measured, f"{words}of contrasts")
    said = {
        seen.scored for m in (measured.members if measured else ()) for seen in m.answers.values()
    }
    assert case.again is not None
    said |= {record.scored for record in case.again.per_trigger if record.scored}
    floor = _floor(case, said)
    if allowance < floor:
        raise ClaimError(
            f"the allowance {allowance:.4g} is below {floor:.4g}, what words that know nothing "
            f"give in answers as long as these ({floor - MARGIN:.4g}) and a margin of {MARGIN:g}: "
            "every innocent would be above it"
        )
    if measured is None:
        return Finding(Status.NOT_CHECKED, f"{words}is stated without a measurement")
    words = f"{words}and is above {floor:.4g}, chance and a margin"
    if policy.contrast_allowance is not None:
        return _of_contrasts(case, measured, words)
    return Finding(Status.PASS, words)


def _of_contrasts(case: Case, measured: Calibration | None, words: str) -> Finding:
    """What contrasts rest on beside: that the source says what panel.json has.

    Raises:
        ClaimError: it says something else.
    """
    asked, panel = case.means.source, None
    if measured is not None:
        panel = read_panel(case.folder / FINGERPRINT, measured)
    if asked is None or measured is None or panel is None:
        return Finding(
            Status.NOT_CHECKED,
            f"{words}; that the source gave its answers is the claimant's word until you ask it "
            "(--source)",
        )
    suspect = asked.open(case.record)
    try:
        near = source_nearness(case.fingerprint, measured, panel, suspect)
    finally:
        suspect.close()
    if near < STILL_SAID:
        raise ClaimError(
            f"{asked.name} shares {near:.0%} of the words with what panel.json gives as the "
            f"source's answers, less than {STILL_SAID:.0%}: they are not its own"
        )
    return Finding(
        Status.PASS, f"{words}; {asked.name} says {near:.0%} of what it is said to have answered"
    )


def _require_contrasts(measured: Calibration | None) -> None:
    """An allowance for contrasts is nothing without the answers that they are measured with."""
    if measured is None or measured.contrast_allowance is None:
        raise ClaimError(
            "the policy has an allowance for contrasts, and there is no calibration that measured "
            "them"
        )


def _measured(case: Case, measured: Calibration) -> str:
    """Computes the calibration again; what it gave, in words."""
    if measured.confidence < CONFIDENCE:
        raise ClaimError(
            f"the calibration bounds reactions with a confidence of {measured.confidence:g}, less "
            f"than the {CONFIDENCE:g} of `sif calibrate`"
        )
    triggers = {record.id for record in case.manifest.triggers}
    for member in measured.members:
        if unknown := sorted(set(member.answers) - triggers):
            raise ClaimError(
                f"the calibration holds answers to {unknown[0]!r}, which is no trigger"
            )
        if any(seen.green > seen.scored for seen in member.answers.values()):
            raise ClaimError(
                f"the calibration holds an answer of {member.suspect!r} with more "
                "green words than words"
            )
    again = _again(case, measured)
    if changed := first_difference(_told(again), _told(measured)):
        raise ClaimError(
            f"calibration.json does not follow from the answers in it: {changed} differs (its "
            f"answers give the allowance {again.allowance:g})"
        )
    answers = sum(len(member.answers) for member in measured.members)
    return (
        f"follows from {answers} of {len(triggers) * len(measured.members)} answers of "
        f"{len({member.suspect for member in measured.members})} models that the claimant asked"
        f"{_counted_again(case, measured)} "
    )


def _counted_again(case: Case, measured: Calibration) -> str:
    """Counts the panel's answers, where they are in the bundle; what that gave, in words, if so.

    Raises:
        ClaimError: they do not give the counts of the calibration.
    """
    panel = read_panel(case.folder / FINGERPRINT, measured)
    if panel is None:
        return ""
    owned = replace(case.fingerprint, example=measured.example)
    texts = [text for some in panel.answers.values() for text in some.values()]
    try_cutting(case, texts)
    try:
        wrong = next(miscounted(owned, measured, panel, owned.triggers), None)
    except UsageError as error:
        raise ClaimError(f"panel.json cannot be compared: {error}") from error
    if wrong:
        raise ClaimError(wrong)
    of = "" if len(owned.triggers) == len(case.manifest.triggers) else " to what is revealed"
    source = _source(case, measured, panel) if measured.source else ""
    return f", counted again{of}{source},"


def _source(case: Case, measured: Calibration, panel: PanelAnswers) -> str:
    """Looks at the source's answers; what they are like, in words.

    Raises:
        ClaimError: they do not react as the triggers' maker measured.
    """
    owned = replace(case.fingerprint, example=measured.example)
    shown, near = source_shown(owned, measured, panel, owned.triggers)
    before = source_evidence(
        [one.record.quality for one in owned.triggers if one.record.quality is not None],
        vocabulary_size=owned.vocabulary_size,
        green_size=owned.green_size,
    )
    if before >= 1.0 and shown < SHARE * before:
        raise ClaimError(
            f"what panel.json gives as the source's answers has a log10 e-value of {shown:.1f}, "
            f"and the maker of the triggers measured {before:.1f} on their source"
        )
    return (
        f" (the source's by the claimant's word; the nearest of the panel shares {near:.0%} of its "
        "words in their order)"
    )


def _again(case: Case, measured: Calibration) -> Calibration:
    panel = [
        Asked(
            member.suspect,
            member.image_attack,
            member.log10_e_value,
            member.answers,
            member.model,
            contrasts=member.contrasts,
        )
        for member in measured.members
    ]
    try:
        return calibrate(
            case.fingerprint,
            panel,
            source=measured.source,
            policy=measured.manner,
            example=measured.example,
            confidence=measured.confidence,
            simultaneous=measured.simultaneous,
        )
    except (UsageError, ZeroDivisionError) as error:
        raise ClaimError(f"calibration.json cannot be computed again: {error}") from error


def _floor(case: Case, said: Iterable[int]) -> float:
    sizes, said = case.fingerprint, set(said)
    if sum(said) > MOST_WORDS:
        raise ClaimError("calibration.json holds answers of more lengths than models give")
    null = HypergeometricNull(vocabulary_size=sizes.vocabulary_size, green_size=sizes.green_size)
    try:
        return MARGIN + max((chance_reaction(scored, null) for scored in said), default=0.0)
    except UsageError as error:
        raise ClaimError(f"calibration.json holds answers that cannot be: {error}") from error


def _told(calibration: Calibration) -> Any:
    """Without what cannot be computed again, or need not."""
    content = calibration.model_dump(mode="json")
    members = [_without(member) for member in content["members"]]
    return _without(content) | {"members": members}


def _without(content: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in UNTOLD}
