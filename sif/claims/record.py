"""What a run asked and heard, as lines of JSON, and asking again from them.

A line is one reply, in the order in which the journal took them down; a failure to answer has a
line of its own, and the question may come again later. `digest` is that of `sif.types.Query`: the
owner's picture, prompt, settings and repeat. What a suspect's address, an example or an attack on
images changed on the way is in the suspect's name, not here. Knows no verdicts.
"""

import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sif.claims.commitment import one_line
from sif.claims.timestamp import CLOCK_SECONDS
from sif.claims.version import NEWEST, Version
from sif.errors import ClaimError
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.order import in_order
from sif.ownership.policy import Policy
from sif.ownership.questions import queries_of
from sif.suspects.journal import JournalEntry
from sif.suspects.kept import KeptAnswers
from sif.types import Answer, GenerationSettings, Query, Reply, Unanswered

MOST_LINES, LONGEST_TEXT = 500_000, 1_000_000
IMAGE_ATTACK = re.compile(r" \(image ([^()]+)\)$")


class Line(BaseModel):
    """One reply: an answer's text, or why there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trigger: str
    repeat: int
    digest: str
    prompt: str
    generation: GenerationSettings
    recorded_at: float
    text: str | None = None
    finish_reason: str | None = None
    seconds: float | None = None
    unanswered: str | None = None

    @property
    def reply(self) -> Reply:
        """As the suspect gave it."""
        if self.text is None:
            return Unanswered(reason=self.unanswered or "")
        return Answer(text=self.text, finish_reason=self.finish_reason, seconds=self.seconds)


AnyLine = TypeVar("AnyLine", bound=Line)


class Question(NamedTuple):
    """A question that the commitment allows, with its place in the order of asking."""

    place: int
    query: Query
    digest: str


def image_attack_of(suspect: str) -> str | None:
    """The attack on images that a suspect's name in a journal says, if it says one."""
    found = IMAGE_ATTACK.search(suspect)
    return None if found is None else found[1]


def questions(fingerprint: FingerprintSet, policy: Policy) -> dict[tuple[str, int], Question]:
    """Every question that may be asked, by trigger and repeat, in the order of the policy."""
    found: dict[tuple[str, int], Question] = {}
    for trigger in in_order(fingerprint, policy):
        for query in queries_of(trigger, policy):
            found[query.trigger, query.repeat] = Question(len(found), query, query.digest)
    return found


def export(
    journal: KeptAnswers,
    suspect: str,
    asked: Mapping[tuple[str, int], Question],
    version: Version = NEWEST,
) -> bytes:
    """The lines of one suspect, in the canonical form of a version.

    Raises:
        ClaimError: the journal holds an answer to a question that is none of these.
    """
    answers = journal.answers(suspect)
    held = journal.replies(suspect, [question.digest for question in asked.values()])
    if len(held) != len(answers):
        raise ClaimError(
            f"the journal holds {len(answers) - len(held)} answers of {suspect!r} to other "
            "pictures, prompts or settings than the committed ones; name a run of this fingerprint"
        )
    lines = _in_sequence(answers, journal.failures(suspect), asked)
    return b"".join(
        version.canonical(_line(entry, asked).model_dump(mode="json")) + b"\n" for entry in lines
    )


def _in_sequence(
    answers: Sequence[JournalEntry],
    failures: Sequence[JournalEntry],
    asked: Mapping[tuple[str, int], Question],
) -> Iterator[JournalEntry]:
    """Entries as they were written, each no earlier than the one before it.

    Those of a kind come as the journal holds them, and the kinds are put together by time. Only in
    journals of before may times fall, where the clock was set back; what then decides is that
    questions are asked in their order, and that nothing comes after an answer.
    """
    queues = (deque(failures), deque(answers))
    waiting = Counter((entry.trigger, entry.repeat) for entry in failures)
    following, latest = 0, -float("inf")
    while any(queues):
        heads = [queue[0] for queue in queues if queue]
        ready = [
            entry
            for entry in heads
            if _place(entry, asked) <= following
            and (isinstance(entry.reply, Unanswered) or not waiting[entry.trigger, entry.repeat])
        ]
        entry = min(ready or heads, key=lambda head: head.asked_at)
        queues[isinstance(entry.reply, Answer)].popleft()
        waiting[entry.trigger, entry.repeat] -= isinstance(entry.reply, Unanswered)
        following = max(following, _place(entry, asked) + 1)
        latest = max(latest, entry.asked_at)
        yield replace(entry, asked_at=latest)


def _place(entry: JournalEntry, asked: Mapping[tuple[str, int], Question]) -> int:
    question = asked.get((entry.trigger, entry.repeat))
    return -1 if question is None else question.place


def parse(data: bytes) -> tuple[Line, ...]:
    """Reads the lines of a journal.

    Raises:
        ClaimError: none, something else, or a line that is neither an answer nor a failure.
    """
    lines = parse_lines(data, Line, where="the journal")
    if not lines:
        raise ClaimError("expected replies in the journal, got none")
    return lines


def parse_lines(data: bytes, kind: type[AnyLine], *, where: str) -> tuple[AnyLine, ...]:
    """Reads lines of a kind.

    Args:
        data: the file.
        kind: of every line.
        where: names the file in errors.

    Raises:
        ClaimError: something else, or a line that is neither an answer nor a failure.
    """
    if (many := data.count(b"\n")) > MOST_LINES:
        raise ClaimError(f"expected at most {MOST_LINES:,} lines in {where}, got {many:,}")
    lines: list[AnyLine] = []
    for number, text in enumerate(data.splitlines(), start=1):
        try:
            line = kind.model_validate_json(text)
        except ValidationError as error:
            raise ClaimError(f"line {number} of {where}: {one_line(error)}") from error
        if (line.text is None) == (line.unanswered is None):
            raise ClaimError(f"line {number} of {where}: expected an answer or a reason")
        if line.text is not None and len(line.text) > LONGEST_TEXT:
            raise ClaimError(
                f"line {number} of {where}: expected an answer of at most {LONGEST_TEXT:,} "
                f"characters, got {len(line.text):,}"
            )
        lines.append(line)
    return tuple(lines)


def check(
    lines: Sequence[Line],
    asked: Mapping[tuple[str, int], Question],
    *,
    not_before: float | None,
    not_after: float = float("inf"),
) -> None:
    """Makes sure that lines are replies to committed questions, in order, after the commitment.

    Args:
        lines: in the order of the file.
        asked: of `questions`.
        not_before: when the commitment was timestamped, in seconds since 1970; none if unknown. The
            two clocks may differ by `CLOCK_SECONDS`.
        not_after: when they are looked at; nothing was written down after that.

    Raises:
        ClaimError: they are not; the message names the first line.
    """
    first = 0
    answered: set[str] = set()
    previous = -float("inf") if not_before is None else not_before - CLOCK_SECONDS
    for number, line in enumerate(lines, start=1):
        question = asked.get((line.trigger, line.repeat))
        if question is None:
            raise ClaimError(
                f"line {number} answers trigger {line.trigger!r}, repeat {line.repeat}, which the "
                "commitment does not hold"
            )
        if line.digest in answered:
            raise ClaimError(f"line {number} answers a question that was answered before")
        _check_question(number, line, question)
        if question.place > first:
            raise ClaimError(
                f"line {number} asks trigger {line.trigger} too early: the committed order was "
                "not kept, or a reply is missing"
            )
        if not line.recorded_at >= previous:
            raise ClaimError(
                f"line {number} was written down before "
                + ("the timestamp of the commitment" if number == 1 else "the line above it")
            )
        if line.recorded_at > not_after + CLOCK_SECONDS:
            raise ClaimError(f"line {number} was written down later than now")
        first, previous = max(first, question.place + 1), line.recorded_at
        if line.text is not None:
            answered.add(line.digest)


class Replayed:
    """A suspect that replies what the lines say: the answer, or else the last failure.

    Args:
        lines: checked.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self._replies: dict[str, Reply] = {line.digest: line.reply for line in lines}

    @property
    def name(self) -> str:
        """Says what it is."""
        return "replayed"

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """The recorded replies.

        Raises:
            ClaimError: a question that the rules would have asked and the lines do not hold.
        """
        return list(self._found(queries))

    def close(self) -> None:
        """Holds nothing."""

    def _found(self, queries: Sequence[Query]) -> Iterator[Reply]:
        for query in queries:
            reply = self._replies.get(query.digest)
            if reply is None:
                raise ClaimError(
                    f"the journal ends before the verdict: by the policy trigger {query.trigger} "
                    f"(repeat {query.repeat}) had to be asked"
                )
            yield reply


def _check_question(number: int, line: Line, question: Question) -> None:
    if line.prompt != question.query.prompt or line.generation != question.query.generation:
        raise ClaimError(
            f"line {number} has another prompt or other settings than trigger {line.trigger} of "
            "the commitment"
        )
    if line.digest != question.digest:
        raise ClaimError(
            f"line {number} was not asked with the committed picture of trigger {line.trigger}: "
            "its query has another digest"
        )


def _line(entry: JournalEntry, asked: Mapping[tuple[str, int], Question]) -> Line:
    question = asked.get((entry.trigger, entry.repeat))
    if question is None:
        raise ClaimError(
            f"the journal holds trigger {entry.trigger}, repeat {entry.repeat}, which the policy "
            "or the fingerprint does not; name the run of this fingerprint"
        )
    return line_of(entry, question.query, question.digest)


def line_of(entry: JournalEntry, query: Query, digest: str) -> Line:
    """One entry of a journal as a line about a question with this digest."""
    reply = entry.reply
    return Line(
        trigger=query.trigger,
        repeat=query.repeat,
        digest=digest,
        prompt=entry.prompt,
        generation=entry.generation,
        recorded_at=entry.asked_at,
        text=reply.text if isinstance(reply, Answer) else None,
        finish_reason=reply.finish_reason if isinstance(reply, Answer) else None,
        seconds=reply.seconds if isinstance(reply, Answer) else None,
        unanswered=reply.reason if isinstance(reply, Unanswered) else None,
    )
