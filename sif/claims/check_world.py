"""Steps of an audit that weigh the claim: grinding, priority, and asking models again."""

from math import log10

from sif.claims.case import Asked, Case
from sif.claims.steps import Finding, Status
from sif.errors import ClaimError
from sif.ownership.sequential import decide
from sif.ownership.verdict import Verdict
from sif.types import Decision


def check_grinding(case: Case) -> Finding:
    """What is left of the evidence once all that the claimant could have tried is taken off."""
    means, runs = case.means, case.reveal.runs
    tries = means.tokens_tried if case.anchored else means.secrets_tried
    case.log10_discount = log10(tries) + log10(runs)
    assert case.again is not None
    what = "timestamps" if case.anchored else "secrets"
    why = "" if case.anchored else ", for the keys are not shown to be anchored"
    words = f"{log10(tries):.2f} for up to {tries:.3g} {what} tried{why}"
    if runs > 1:
        words += f" and {log10(runs):.2f} for {runs} runs"
    return Finding(Status.PASS, _weigh(case, case.again, f"less {words},"))


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
    return Finding(Status.PASS, _weigh(case, _ask(case, asked), f"{asked.name} asked again:"))


def check_panel(case: Case) -> Finding:
    """The auditor's independent models do not fire."""
    panel, limit = case.means.panel, case.means.panel_limit
    if panel is None:
        return Finding(
            Status.NOT_CHECKED,
            "whether independent models react to the triggers too; give some as a panel",
        )
    found: list[str] = []
    for asked in panel:
        verdict = _ask(case, asked)
        if verdict.answered == 0:
            raise ClaimError(f"{asked.name} of the panel answered nothing, which shows nothing")
        found.append(f"{asked.name} {verdict.log10_e_value:.2f}")
        if verdict.log10_e_value > limit:
            raise ClaimError(
                f"the triggers fire on {asked.name}, which is independent by the auditor's word: "
                f"log10 e-value {verdict.log10_e_value:.2f} above the limit {limit:g}"
            )
    return Finding(Status.PASS, f"log10 e-values up to {limit:g}: {', '.join(found)}")


def _ask(case: Case, asked: Asked) -> Verdict:
    suspect = asked.open(case.record)
    try:
        return decide(case.fingerprint, suspect, case.header.policy)
    finally:
        suspect.close()


def _weigh(case: Case, verdict: Verdict, words: str) -> str:
    """The sentence on what is left of a verdict's evidence.

    Raises:
        ClaimError: it does not carry the claim.
    """
    assert case.log10_discount is not None
    left, needed = verdict.log10_e_value - case.log10_discount, -log10(case.header.alpha)
    sentence = (
        f"log10 e-value {verdict.log10_e_value:.2f}, {words} leaves {left:.2f}, and the claim "
        f"needs {needed:.2f}"
    )
    carried = left >= needed
    if verdict.transfer_log10_e_value is not None:
        left = verdict.transfer_log10_e_value - case.log10_discount
        needed = -log10(case.header.alpha_transfer)
        sentence += f"; against transfer the same leaves {left:.2f} of the {needed:.2f} needed"
        carried = carried and left >= needed
    if verdict.decision is not Decision.DERIVED:
        raise ClaimError(f"{sentence}; the verdict is {verdict.decision.value}")
    if not carried:
        raise ClaimError(sentence)
    return sentence
