"""Steps of an audit about the run: its policy, journal, counts, evidence and verdict."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError

from sif.claims.bounds import check_bounds
from sif.claims.case import Case
from sif.claims.check_order import in_drawn_batch
from sif.claims.commit import WEIGHTED
from sif.claims.commitment import first_difference, one_line
from sif.claims.record import check, image_attack_of, parse, questions
from sif.claims.rejudge import rejudge
from sif.claims.reveal import FINGERPRINT, LINES, RUN, check_policy
from sif.claims.steps import Finding, Status
from sif.claims.wording import check_example, check_words, own_words, shown
from sif.errors import ClaimError, UsageError
from sif.ownership.calibration import PLAIN, Calibration, read_calibration
from sif.ownership.controlled import uncontrolled
from sif.ownership.run import RECORD, VERDICT, RunRecord
from sif.ownership.verdict import Verdict
from sif.suspects.prefaced import PrefacedSuspect
from sif.suspects.scripted import ScriptedSuspect


def check_rules(case: Case) -> Finding:
    """The verdict was reached under the committed policy."""
    try:
        case.verdict = Verdict.model_validate_json(case.read(f"{RUN}/{VERDICT}"))
    except (ValidationError, UsageError) as error:
        raise ClaimError(
            f"expected a verdict of version 1 in {RUN}/{VERDICT}: {one_line(error)}"
        ) from error
    check_policy(case.verdict, case.header.policy)
    policy = case.header.policy
    if case.header.counts_by_weights:
        raise ClaimError(WEIGHTED)
    check_words(case.manifest, case.header)
    check_bounds(case.manifest, policy)
    return Finding(
        Status.PASS,
        f"the run kept the committed policy (α {policy.alpha:.3g}, repeats {policy.repeats}, "
        f"budget {policy.budget or 'all triggers'}{_transfer(case)}){_words(case)}",
    )


def check_journal(case: Case) -> Finding:
    """Every reply is to a committed question, in the committed order, after the timestamp."""
    try:
        case.record = RunRecord.model_validate_json(case.take(f"{RUN}/{RECORD}"))
    except (ValidationError, UsageError) as error:
        raise ClaimError(f"expected {RECORD} of version 1: {one_line(error)}") from error
    if case.record.policy is not None:
        _compare(_json(case.record.policy), _json(case.header.policy), "the policy in run.json")
    check_example(case.header, case.predicate, case.record.example)
    _check_way(case)
    case.lines = parse(case.take(f"{RUN}/{LINES}"))
    case.fingerprint = replace(in_drawn_batch(case), example=case.record.example)
    case.asked = questions(case.fingerprint, case.header.policy)
    stamped = None if case.stamped is None else case.stamped.timestamp()
    check(case.lines, case.asked, not_before=stamped, not_after=time.time())
    after = "" if stamped is None else ", all written down after the timestamp"
    sentence = (
        f"{len(case.lines)} replies of {case.record.suspect!r} to committed questions, in their "
        f"order{after}{_variations(case.record)}"
    )
    if case.record.example is None or "example" in case.predicate:
        return Finding(Status.PASS, sentence)
    example = f"example {shown(case.record.example)}"
    case.own_words += (example,)
    return Finding(
        Status.NOT_CHECKED,
        f"{sentence}; {example} was not committed to, so that it may have been chosen by the keys",
    )


def _words(case: Case) -> str:
    """Whether words of prompts count, and what the claimant asks in words of his own."""
    counted = "; words of prompts and example count too" if case.header.policy.prompt_scored else ""
    case.own_words = own_words(case.manifest, case.header, case.header.example)
    if not case.own_words:
        return counted
    return (
        f"{counted}; in words of the claimant's own, NOT judged here, read them: "
        f"{', '.join(case.own_words)}"
    )


def check_counts(case: Case) -> Finding:
    """The owner's tokenizer and the keys give the counts of the verdict."""
    case.again = rejudge(
        case.fingerprint,
        case.lines,
        case.asked,
        case.header.policy,
        like=case.verdict,
    )
    ours, theirs = _dumps(case)
    _compare(_without_evidence(theirs), _without_evidence(ours), "the count of the verdict")
    scored = sum(record.scored or 0 for record in case.again.per_trigger)
    green = sum(record.green or 0 for record in case.again.per_trigger)
    return Finding(
        Status.PASS,
        f"{green} green of {scored} distinct words in {case.again.answered} answered triggers",
    )


def check_evidence(case: Case) -> Finding:
    """The counts give the e-values and p-values of the verdict."""
    ours, theirs = _dumps(case)
    _compare(_evidence(theirs), _evidence(ours), "the evidence of the verdict")
    assert case.again is not None
    return Finding(Status.PASS, f"log10 of the e-value is {case.again.log10_e_value:.2f}")


def check_verdict(case: Case) -> Finding:
    """All else in the verdict follows, and its file is the signed one."""
    ours, theirs = _dumps(case)
    _compare(theirs, ours, "the verdict")
    case.take(f"{RUN}/{VERDICT}")
    return Finding(Status.PASS, f"{case.verdict.decision.value}: {case.verdict.reason}")


def _transfer(case: Case) -> str:
    """What the policy says of transfer, and whether that was measured, in words."""
    policy, measured = case.header.policy, _calibration(case)
    said = []
    for allowance, kind, found in (
        (policy.transfer_allowance, "transfer", None if measured is None else measured.allowance),
        (
            policy.contrast_allowance,
            "contrast",
            None if measured is None else measured.contrast_allowance,
        ),
    ):
        if allowance is None:
            continue
        if found is not None and allowance < found:
            raise ClaimError(
                f"the policy allows less {kind} ({allowance}) than the calibration measured "
                f"({found})"
            )
        how = "as the claimant measured it" if found else "stated without a measurement"
        said.append(f", {kind} allowance {allowance} {how}")
    return "".join(said) or ", transfer not tested"


def _check_way(case: Case) -> None:
    """The transfer allowance was measured by asking as the run was asked."""
    measured, policy = _calibration(case), case.header.policy
    if measured is None or (policy.transfer_allowance, policy.contrast_allowance) == (None, None):
        return
    attack = image_attack_of(case.record.suspect) or PLAIN
    if missing := measured.lacks(attack, policy, case.record.example):
        raise ClaimError(
            f"the transfer allowance was not measured as the run was asked: it lacks {missing}"
        )


def _calibration(case: Case) -> Calibration | None:
    return read_calibration(case.folder / FINGERPRINT)


def _variations(record: RunRecord) -> str:
    """What stood between the committed questions and the model, as far as the name says."""
    found = [f"settings {record.suspect.rpartition('?')[2]}"] if "?" in record.suspect else []
    if attack := image_attack_of(record.suspect):
        found.append(f"the attack {attack} on the images")
    if record.example is not None:
        silent = ScriptedSuspect({}, name="")
        if PrefacedSuspect(silent, record.example).name.strip() not in record.suspect:
            raise ClaimError("the example in run.json is not the one in the suspect's name")
        found.append("an example before every prompt")
    if not found:
        return ""
    return (
        f"; asked with {' and '.join(found)}, chosen by the claimant: every other choice that was "
        "tried is a run to be stated"
    )


def _json(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json")


def _dumps(case: Case) -> tuple[dict[str, Any], dict[str, Any]]:
    assert case.again is not None
    return _json(case.again), _json(uncontrolled(case.verdict))  # the control has a step of its own


def _compare(theirs: object, ours: object, what: str) -> None:
    if changed := first_difference(ours, theirs):
        raise ClaimError(f"{what} differs from what the journal and the commitment give: {changed}")


def _is_evidence(name: str) -> bool:
    return "e_value" in name or "p_value" in name


def _evidence(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Its e-values and p-values, trigger by trigger and in all."""
    own = {name: value for name, value in verdict.items() if _is_evidence(name)}
    rows = [
        {name: value for name, value in row.items() if _is_evidence(name)}
        for row in verdict["per_trigger"]
    ]
    return {"per_trigger": rows} | own


def _without_evidence(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """What was counted, trigger by trigger and in all."""
    rows = [
        {name: value for name, value in row.items() if not _is_evidence(name)}
        for row in verdict["per_trigger"]
    ]
    counted = ("queries", "answered", "green_rate", "vocabulary_size", "green_size")
    return {"per_trigger": rows} | {name: verdict[name] for name in counted}
