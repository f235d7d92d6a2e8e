"""Steps of an audit about the run: its policy, journal, counts, evidence and verdict."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from sif.claims.case import Case
from sif.claims.commitment import first_difference, one_line
from sif.claims.record import check, parse, questions
from sif.claims.rejudge import rejudge
from sif.claims.reveal import LINES, RUN, check_policy
from sif.claims.steps import Finding, Status
from sif.errors import ClaimError, UsageError
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
    return Finding(
        Status.PASS,
        f"the run kept the committed policy (α {policy.alpha:.3g}, repeats {policy.repeats}, "
        f"budget {policy.budget or 'all triggers'})",
    )


def check_journal(case: Case) -> Finding:
    """Every reply is to a committed question, in the committed order, after the timestamp."""
    try:
        case.record = RunRecord.model_validate_json(case.take(f"{RUN}/{RECORD}"))
    except ValidationError as error:
        raise ClaimError(f"expected {RECORD} of version 1: {one_line(error)}") from error
    case.lines = parse(case.take(f"{RUN}/{LINES}"))
    case.asked = questions(case.fingerprint, case.header.policy.repeats)
    stamped = None if case.stamped is None else case.stamped.timestamp()
    check(case.lines, case.asked, not_before=stamped)
    after = "" if stamped is None else ", all written down after the timestamp"
    return Finding(
        Status.PASS,
        f"{len(case.lines)} replies of {case.record.suspect!r} to committed questions, in their "
        f"order{after}{_variations(case.record)}",
    )


def check_counts(case: Case) -> Finding:
    """The owner's tokenizer and the keys give the counts of the verdict."""
    case.again = rejudge(case.fingerprint, case.lines, case.asked, case.header.policy)
    ours, theirs = _dumps(case)
    _compare(_without_evidence(theirs), _without_evidence(ours), "the count")
    scored = sum(record.scored or 0 for record in case.again.per_trigger)
    green = sum(record.green or 0 for record in case.again.per_trigger)
    return Finding(
        Status.PASS,
        f"{green} green of {scored} distinct words in {case.again.answered} answered triggers",
    )


def check_evidence(case: Case) -> Finding:
    """The counts give the e-values and p-values of the verdict."""
    ours, theirs = _dumps(case)
    _compare(_evidence(theirs), _evidence(ours), "the evidence")
    assert case.again is not None
    return Finding(Status.PASS, f"log10 of the e-value is {case.again.log10_e_value:.2f}")


def check_verdict(case: Case) -> Finding:
    """All else in the verdict follows, and its file is the signed one."""
    ours, theirs = _dumps(case)
    _compare(theirs, ours, "the verdict")
    case.take(f"{RUN}/{VERDICT}")
    return Finding(Status.PASS, f"{case.verdict.decision.value}: {case.verdict.reason}")


def _variations(record: RunRecord) -> str:
    """What stood between the committed questions and the model, as far as the name says."""
    found = [f"settings {record.suspect.rpartition('?')[2]}"] if "?" in record.suspect else []
    if "(image " in record.suspect:
        found.append("an attack on the images")
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


def _dumps(case: Case) -> tuple[dict[str, Any], dict[str, Any]]:
    assert case.again is not None
    return case.again.model_dump(mode="json"), case.verdict.model_dump(mode="json")


def _compare(theirs: object, ours: object, what: str) -> None:
    if changed := first_difference(ours, theirs):
        raise ClaimError(f"{what} of the verdict differs from what the journal gives: {changed}")


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
