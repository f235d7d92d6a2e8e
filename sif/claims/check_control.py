"""Step of an audit about the control: the pictures before they were changed show nothing.

1. Every trigger that was asked has its base picture asked too, the committed one, in the same way,
after the timestamp. 2. The figures in the verdict follow. 3. Base pictures do not lean to green,
with a probability of at most 1% for an honest claimant, and triggers differ from them, with at most
1% for answers that do not tell them apart (`sif.ownership.control`). What base pictures show is
taken off at step `grinding`, and a base picture without an answer takes its trigger with it, at the
price of a gap.
"""

import time
from math import log10

from sif.claims.case import Case, Kept
from sif.claims.commitment import first_difference
from sif.claims.control_record import (
    CONTROL_LINES,
    check_control_lines,
    parse_control,
    with_control,
)
from sif.claims.reveal import RUN
from sif.claims.steps import Finding, Status
from sif.errors import ClaimError
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.control import LIMIT, ControlFigures
from sif.ownership.controlled import has_bases, without
from sif.ownership.verdict import Verdict


def check_control(case: Case) -> Finding:
    """Base pictures, asked alike, do not lean to green, and triggers differ from them."""
    name = f"{RUN}/{CONTROL_LINES}"
    if name not in case.files:
        if case.verdict.control is not None:
            raise ClaimError(f"the verdict has a control, but the bundle lacks {name}")
        return Finding(Status.NOT_CHECKED, _why_not(case.fingerprint))
    if case.verdict.control is None:
        raise ClaimError(f"the bundle holds {name}, but the verdict has no control")
    if not has_bases(case.fingerprint):
        raise ClaimError(f"the bundle holds {name}, but some triggers have no base picture")
    assert case.again is not None
    lines = parse_control(case.take(name))
    stamped = None if case.stamped is None else case.stamped.timestamp()
    check_control_lines(
        lines,
        case.fingerprint,
        case.again,
        suspect=case.record.suspect,
        not_before=stamped,
        not_after=time.time(),
    )
    again = with_control(case.fingerprint, case.again, lines, runs=case.verdict.control.runs)
    theirs, ours = case.verdict.model_dump(mode="json"), again.model_dump(mode="json")
    if changed := first_difference(ours, theirs):
        raise ClaimError(f"the control of the verdict does not follow from its answers: {changed}")
    assert again.control is not None
    sentence = weigh_control(again.control, runs=case.reveal.runs)
    if not again.control.passed:
        raise ClaimError(f"{sentence}; {again.control.reason}")
    case.controlled = kept_by(case.fingerprint, case.again, again.control)
    return Finding(Status.PASS, sentence)


def kept_by(fingerprint: FingerprintSet, verdict: Verdict, control: ControlFigures) -> Kept:
    """What the control leaves of a verdict that had none.

    A base picture without an answer is a gap of as many questions as its trigger takes: who leaves
    it out leaves out all of them, and not at the price of one.
    """
    gaps = {base.id for base in control.per_trigger if base.unanswered is not None}
    reduced = without(fingerprint, verdict, gaps)
    questions = len(gaps) * verdict.policy.questions_each
    return Kept(reduced, control.log10_e_value, questions)


def weigh_control(control: ControlFigures, *, runs: int = 1) -> str:
    """The sentence on a control.

    Args:
        control: of the verdict.
        runs: among which the claimant could choose.

    Raises:
        ClaimError: base pictures lean to green, or triggers do not differ from them enough.
    """
    rate = "no words" if control.green_rate is None else f"{control.green_rate:.1%} green"
    missing = f", {control.unanswered} without an answer" if control.unanswered else ""
    needed = LIMIT + log10(runs)
    seen = (
        f"{len(control.per_trigger)} pictures before they were changed, asked alike{missing}: "
        f"{rate}, log10 e-value {control.log10_e_value:.2f}"
    )
    if control.log10_e_value >= LIMIT:
        raise ClaimError(
            f"{seen}, at or above {LIMIT:g}: they lean to green by themselves, so that pictures, "
            "prompts or example were chosen by the keys (an honest claim comes here with a "
            "probability of at most 1%)"
        )
    pairs = f"log10 e-value {control.pairs_log10_e_value:.2f} of the {needed:.2f} needed"
    if control.pairs_log10_e_value < needed:
        raise ClaimError(f"{seen}; the triggers do not show enough beyond them: {pairs}")
    return f"{seen}, below {LIMIT:g}; the triggers show more than they do: {pairs}"


def _why_not(fingerprint: FingerprintSet) -> str:
    if not has_bases(fingerprint):
        return "what the pictures before they were changed show: the fingerprint lacks some of them"
    return (
        "what the pictures before they were changed show: the run did not ask them, so that "
        "pictures and prompts may have been chosen by the keys"
    )
