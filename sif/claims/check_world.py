"""Steps of an audit that weigh the claim: grinding, priority, and asking models again."""

from math import log10
from typing import NamedTuple

from sif.claims.case import Asked, Case
from sif.claims.check_control import kept_by, weigh_control
from sif.claims.check_order import order_source
from sif.claims.gaps import CountingGaps, gaps_of, log10_discount
from sif.claims.runs import plain_name
from sif.claims.steps import Finding, Status
from sif.claims.tries import tries_of
from sif.errors import ClaimError, UsageError
from sif.ownership.controlled import decide_controlled, uncontrolled
from sif.ownership.panel_answers import references_for
from sif.ownership.policy import TILTS, Policy
from sif.ownership.references import References
from sif.ownership.sequential import decide
from sif.ownership.verdict import Verdict
from sif.suspects.asked_once import AskedOnce
from sif.types import Decision
from sif.watermark.keys import RevealedKeys


class Heard(NamedTuple):
    """What a suspect's answers gave, how many questions have none, what base pictures show."""

    verdict: Verdict
    gaps: int
    lean: float | None = None


def check_grinding(case: Case) -> Finding:
    """What is left of the evidence once all that the claimant could have tried is taken off."""
    means, runs = case.means, case.reveal.runs
    tries = tries_of(
        anchored=case.anchored,
        order=order_source(case),
        secrets=means.secrets_tried,
        tokens=means.tokens_tried,
    )
    heard = Heard(_again(case), gaps_of(case.lines))
    if (kept := case.controlled) is not None:
        heard = Heard(kept.verdict, heard.gaps + kept.gaps, kept.lean)
        case.again = kept.verdict
    batches = case.header.batches or 1
    case.tries = tries.times(log10(runs) + log10(batches))
    case.log10_discount = case.tries.independence + _missing(case, heard)
    words = f"{tries.independence:.2f} for {_tried(case)}"
    if runs > 1:
        words += f" and {log10(runs):.2f} for {runs} runs"
    if batches > 1:
        words += f" and {log10(batches):.2f} for {batches} batches to choose from"
    sentence = _weigh(case, heard, f"less {words}")
    if isinstance(case.keys, RevealedKeys) and not case.anchored:
        return Finding(
            Status.NOT_CHECKED,
            f"{sentence}; but seeds that are not shown to be anchored may have been chosen one by "
            "one, which no number of tries covers; give the certificate of an authority",
        )
    return Finding(Status.PASS, sentence)


def _tried(case: Case) -> str:
    """What the claimant may have tried, in words."""
    means = case.means
    if not case.anchored:
        why = ", for the keys are not shown to be anchored"
        order = f" and {means.tokens_tried:.3g} orders" if order_source(case) == "timestamp" else ""
        return f"up to {means.secrets_tried:.3g} secrets{order} tried{why}"
    drawn = order_source(case) == "timestamp"
    what = "keys and the order of asking" if drawn else "keys"
    return f"up to {means.tokens_tried:.3g} timestamps tried, from which {what} are drawn"


def check_priority(case: Case) -> Finding:
    """The commitment is older than the claimant's access to the suspect."""
    released = case.means.released
    if released is None or case.stamped is None or not case.trusted:
        why = "give its release" if released is None else "there is no trusted timestamp"
        return Finding(
            Status.NOT_CHECKED,
            "whether the commitment is older than the suspect: whoever had the suspect when making "
            f"triggers can make them on it ({why})",
        )
    if case.stamped >= released:
        raise ClaimError(
            f"the commitment of {case.stamped:%Y-%m-%d %H:%M} is not older than the suspect of "
            f"{released:%Y-%m-%d %H:%M}, so the triggers may have been made on it"
        )
    return Finding(
        Status.PASS, f"the commitment is older than the suspect of {released:%Y-%m-%d %H:%M}"
    )


def check_suspect(case: Case) -> Finding:
    """The suspect says it again, to the auditor."""
    asked = case.means.suspect
    if asked is None:
        return Finding(
            Status.NOT_CHECKED,
            "whether the suspect gave these answers: they are the claimant's word until you ask it "
            "yourself",
        )
    words = (
        f"of {asked.name!r}, asked again {_same(asked.name, case.record.suspect)}, less the same"
    )
    ask = _ask if case.controlled is None else _ask_controlled
    return Finding(Status.PASS, _weigh(case, ask(case, asked, _until_shown(case)), words))


def check_panel(case: Case) -> Finding:
    """The auditor's independent models do not fire."""
    panel, limit = case.means.panel, case.means.panel_limit
    policy = case.header.policy.model_copy(update={"tilts": TILTS})  # not those of the claimant
    if panel is None:
        return Finding(
            Status.NOT_CHECKED,
            "whether independent models react to the triggers too; give some as a panel",
        )
    found: list[str] = []
    for asked in panel:
        verdict = _ask(case, asked, policy).verdict
        if verdict.answered == 0:
            raise ClaimError(f"{asked.name} of the panel answered nothing, which shows nothing")
        found.append(f"{asked.name} {verdict.log10_e_value:.2f}")
        nearer = verdict.transfer_log10_e_value
        contrasted = policy.contrast_allowance is not None and nearer is not None
        if contrasted and nearer is not None:
            found[-1] += f" (against transfer {nearer:.2f})"
        if verdict.log10_e_value > limit and not (contrasted and (nearer or 0.0) <= limit):
            raise ClaimError(
                f"the triggers fire on {asked.name}, which is independent by the auditor's word: "
                f"log10 e-value {verdict.log10_e_value:.2f} above the limit {limit:g}"
            )
    return Finding(Status.PASS, f"log10 e-values up to {limit:g}: {', '.join(found)}")


def _again(case: Case) -> Verdict:
    assert case.again is not None
    return case.again


def _references(case: Case, policy: Policy) -> References | None:
    try:
        return references_for(case.fingerprint.folder, policy)
    except UsageError as error:
        raise ClaimError(str(error)) from error


def _ask(case: Case, asked: Asked, policy: Policy) -> Heard:
    suspect = CountingGaps(asked.open(case.record))
    try:
        references = _references(case, policy)
        verdict = decide(case.fingerprint, suspect, policy, references=references)
        return Heard(verdict, suspect.gaps)
    finally:
        suspect.close()


def _ask_controlled(case: Case, asked: Asked, policy: Policy) -> Heard:
    """The suspect, asked about base pictures too.

    Raises:
        ClaimError: these lean to green, or triggers do not differ from them.
    """
    suspect, runs = asked.open(case.record), case.reveal.runs
    try:
        triggers = CountingGaps(suspect)
        verdict = decide_controlled(
            case.fingerprint,
            AskedOnce(triggers),
            AskedOnce(suspect),
            policy,
            references=_references(case, policy),
            runs=runs,
        )
    finally:
        suspect.close()
    if verdict.control is None:
        return Heard(verdict, triggers.gaps)
    weigh_control(verdict.control, runs=runs)
    kept = kept_by(case.fingerprint, uncontrolled(verdict), verdict.control)
    return Heard(kept.verdict, triggers.gaps + kept.gaps, kept.lean)


def _until_shown(case: Case) -> Policy:
    """The committed policy, asked on for as long as the auditor needs; any stop is a valid one."""
    policy, needed = case.header.policy, _needed(case)
    assert case.tries is not None
    off = case.tries.times(log10_discount(0, len(case.asked)))
    lower = {
        "alpha": min(policy.alpha, 10.0 ** -(needed.independence + off.independence)),
        "alpha_transfer": min(policy.alpha_transfer, 10.0 ** -(needed.transfer + off.transfer)),
    }
    return policy.model_copy(update=lower)


def _same(address: str, recorded: str) -> str:
    """How the suspect that was asked and the one that run.json names compare, in words.

    No reason to fail: one model may be reached in two ways, and what counts here was said to the
    auditor.
    """
    if plain_name(address) == plain_name(recorded):
        return "(as run.json names it)"
    return f"(run.json names {recorded!r}: whether that is the same model is for you to know)"


def _missing(case: Case, heard: Heard) -> float:
    """What is taken off for questions without an answer, and for what base pictures show."""
    return log10_discount(heard.gaps, len(case.asked)) + (heard.lean or 0.0)


class Needed(NamedTuple):
    """log10 of the e-values that must be left: by the claim's α and by the auditor's."""

    independence: float
    transfer: float


def _needed(case: Case) -> Needed:
    header, means = case.header, case.means
    return Needed(
        -log10(min(header.alpha, means.alpha)),
        -log10(min(header.alpha_transfer, means.alpha_transfer)),
    )


def _weigh(case: Case, heard: Heard, words: str) -> str:
    """The sentence on what is left of a verdict's evidence.

    Raises:
        ClaimError: it does not carry the claim, at its own α or at the auditor's.
    """
    assert case.tries is not None
    verdict, questions = heard.verdict, len(case.asked)
    off, needed = case.tries.times(_missing(case, heard)), _needed(case)
    left = verdict.log10_e_value - off.independence
    missing = log10_discount(heard.gaps, questions)
    bases = "" if heard.lean is None else f" and {heard.lean:.2f} for what base pictures show"
    sentence = (
        f"log10 e-value {verdict.log10_e_value:.2f} {words} and {missing:.2f} for {heard.gaps} of "
        f"{questions} questions without an answer{bases}, leaves {left:.2f}, and the claim needs "
        f"{needed.independence:.2f}"
    )
    carried = left >= needed.independence
    if verdict.transfer_log10_e_value is not None:
        left = verdict.transfer_log10_e_value - off.transfer
        sentence += (
            f"; against transfer {verdict.transfer_log10_e_value:.2f} less {off.transfer:.2f} "
            f"leaves {left:.2f}, and it needs {needed.transfer:.2f}"
        )
        carried = carried and left >= needed.transfer
    if verdict.decision is not Decision.DERIVED:
        raise ClaimError(f"{sentence}; the verdict is {verdict.decision.value}")
    if not carried:
        raise ClaimError(sentence)
    return sentence
