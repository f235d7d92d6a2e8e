"""What a run asked about base pictures, as lines of JSON: control.jsonl, beside journal.jsonl.

One line for every question about a base picture, in the order of asking: the answer, or else the
last failure. Knows no verdicts.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sif.claims.record import Line, line_of, parse_lines
from sif.claims.timestamp import CLOCK_SECONDS
from sif.claims.version import NEWEST, Version
from sif.errors import ClaimError
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.controlled import ask_bases, base_queries, controlled
from sif.ownership.verdict import Verdict
from sif.suspects.kept import KeptAnswers
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Query, Reply

CONTROL_LINES: Final = "control.jsonl"


class ControlLine(Line):
    """One reply about a base picture, and whose it is."""

    suspect: str


def base_questions(fingerprint: FingerprintSet, verdict: Verdict) -> list[Query]:
    """Every question about the base pictures of a verdict's triggers, in the order of asking."""
    triggers = {one.record.id: one for one in fingerprint.triggers}
    return [
        query
        for record in verdict.per_trigger
        for query in base_queries(triggers[record.id], verdict.policy)
    ]


def export_control(
    journal: KeptAnswers,
    suspect: str,
    fingerprint: FingerprintSet,
    verdict: Verdict,
    version: Version = NEWEST,
    *,
    since: float = -float("inf"),
) -> bytes:
    """The lines of one suspect, in the canonical form of a version.

    Args:
        journal: of the control.
        suspect: of the run.
        fingerprint: with its base pictures.
        verdict: says which triggers were asked.
        version: of the claim.
        since: when the last answer about a trigger was written down; base pictures are asked after
            that, though the clock may have been set back.

    Raises:
        ClaimError: the journal lacks a question about a base picture of the verdict.
    """
    asked = base_questions(fingerprint, verdict)
    digests = {(query.trigger, query.repeat): query.digest for query in asked}
    entries = {}
    for entry in [*journal.failures(suspect), *journal.answers(suspect)]:
        digest = digests.get((entry.trigger, entry.repeat))
        if digest is not None:  # the last failure, unless there is an answer
            entries[digest] = entry
    lines = []
    for query in asked:
        found = entries.get(query.digest)
        if found is None:
            raise ClaimError(
                f"expected the base picture of trigger {query.trigger} among those that were "
                "asked, got none; run `sif verify` with the same --run once more"
            )
        entry = replace(found, asked_at=max(found.asked_at, since))
        line = line_of(entry, query, query.digest).model_dump(mode="json")
        lines.append(version.canonical(line | {"suspect": suspect}) + b"\n")
    return b"".join(lines)


def parse_control(data: bytes) -> tuple[ControlLine, ...]:
    """Reads lines.

    Raises:
        ClaimError: something else, or a line that is neither an answer nor a failure.
    """
    return parse_lines(data, ControlLine, where=CONTROL_LINES)


def check_control_lines(
    lines: Sequence[ControlLine],
    fingerprint: FingerprintSet,
    verdict: Verdict,
    *,
    suspect: str,
    not_before: float | None,
    not_after: float,
) -> None:
    """Makes sure that lines are replies to all the base pictures, asked alike, in their order.

    Args:
        lines: in the order of the file.
        fingerprint: with the committed base pictures.
        verdict: computed anew; says which triggers were asked.
        suspect: of the run.
        not_before: when the commitment was timestamped, in seconds since 1970; none if unknown.
        not_after: when they are looked at.

    Raises:
        ClaimError: they are not; the message names the first line.
    """
    asked = base_questions(fingerprint, verdict)
    if len(lines) != len(asked):
        raise ClaimError(
            f"{CONTROL_LINES} holds {len(lines)} replies, and {len(asked)} questions about base "
            "pictures belong to the triggers that were asked"
        )
    for number, (line, query) in enumerate(zip(lines, asked, strict=True), start=1):
        where = f"line {number} of {CONTROL_LINES}"
        if (line.trigger, line.repeat) != (query.trigger, query.repeat):
            raise ClaimError(
                f"{where} is about trigger {line.trigger[:20]!r}, expected {query.trigger}, repeat "
                f"{query.repeat}"
            )
        if line.prompt != query.prompt or line.generation != query.generation:
            raise ClaimError(f"{where} has another prompt or other settings than the commitment")
        if line.digest != query.digest:
            raise ClaimError(f"{where} was not asked with the committed base picture")
        if line.suspect != suspect:
            raise ClaimError(f"{where} is of another suspect than the run")
        if not_before is not None and not line.recorded_at >= not_before - CLOCK_SECONDS:
            raise ClaimError(f"{where} was written down before the timestamp of the commitment")
        if not line.recorded_at <= not_after + CLOCK_SECONDS:
            raise ClaimError(f"{where} was written down later than now")


def with_control(
    fingerprint: FingerprintSet, verdict: Verdict, lines: Sequence[ControlLine], *, runs: int
) -> Verdict:
    """A verdict of DERIVED, computed anew, with the control that these lines give.

    Args:
        fingerprint: with its keys and base pictures.
        verdict: without its control.
        lines: of all its base pictures.
        runs: that the control counted.

    Raises:
        ClaimError: a line is missing.
    """
    replies = {line.digest: line.reply for line in lines}

    def recorded(query: Query) -> Reply:
        if query.digest not in replies:
            raise ClaimError(f"{CONTROL_LINES} lacks the base picture of trigger {query.trigger}")
        return replies[query.digest]

    suspect = ScriptedSuspect(recorded)
    seen = ask_bases(fingerprint, suspect, verdict)
    return controlled(fingerprint, verdict, seen, runs=runs)
