"""What an audit has to say of questions without an answer, and of settings that were not taken.

Silence is no measurement: a run in which nothing was answered fails, with the reason and its cure.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, Final

from sif.errors import SuspectError
from sif.ownership.verdict import Verdict
from sif.suspects.mending import mend
from sif.suspects.remembering import Remembering
from sif.suspects.thinking import has_thought

# Different reasons that a verdict keeps.
MOST_REASONS: Final = 20
REST: Final = "other reasons"
NOT_ASKED: Final = "not asked"


def besides(remembered: Remembering) -> dict[str, Any]:
    """What stands in a verdict beside what it decides, by field; None for what did not happen."""
    answers = list(chain.from_iterable(remembered.answers.values()))
    conceded = Counter(chain.from_iterable(answer.concessions for answer in answers))
    return {
        "thought": sum(map(has_thought, answers)) or None,
        "unanswered": counted(remembered.reasons) or None,
        "concessions": dict(sorted(conceded.items())) or None,
    }


def counted(reasons: Iterable[str]) -> dict[str, int]:
    """How often each reason came, the commonest first; beyond some, all others together."""
    common = Counter(reasons).most_common()
    kept = dict(common[:MOST_REASONS])
    rest = sum(times for _, times in common[MOST_REASONS:])
    return kept | ({REST: rest} if rest else {})


def commonest(unanswered: Mapping[str, int]) -> str:
    """The commonest reason; what was not asked at all is explained by what failed before it."""
    return next(iter([*_tried(unanswered), *unanswered]))


def refuse_silence(unanswered: Mapping[str, int] | None, asked: int, suspect: str) -> None:
    """Fails a run in which no question was answered.

    Args:
        unanswered: questions without an answer, by their reason, the commonest first.
        asked: all questions.
        suspect: its name.

    Raises:
        SuspectError: how many were asked, the commonest reason, and how to mend it.
    """
    if not unanswered or sum(unanswered.values()) < asked:
        return
    reason = commonest(unanswered)
    alike = "all for one reason" if len(_tried(unanswered)) < 2 else "most often because"
    raise SuspectError(
        f"none of {asked} questions was answered by {suspect}, {alike}: {reason}; {mend(reason)}"
    )


def of_silence(verdict: Verdict) -> str:
    """One line about questions without an answer; "" where all were answered."""
    reasons = verdict.unanswered
    if not reasons:
        return ""
    reason = commonest(reasons)
    return (
        f"{sum(reasons.values())} of {verdict.queries} questions were not answered, most often "
        f"because: {reason}; {mend(reason)}"
    )


def of_concessions(verdict: Verdict) -> str:
    """One line about settings that the suspect would not take; "" where it took all."""
    if not verdict.concessions:
        return ""
    words = ", ".join(f"{word} ({times})" for word, times in verdict.concessions.items())
    return (
        "the suspect does not take every setting of the questions; answers asked otherwise: "
        f"{words}"
    )


def _tried(unanswered: Mapping[str, int]) -> list[str]:
    return [reason for reason in unanswered if not reason.startswith(NOT_ASKED)]
