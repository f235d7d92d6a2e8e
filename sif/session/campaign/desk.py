"""The desk of a campaign: where sessions come from, and where a row goes for each that ended.

Used from many threads. What fails is a row with its reason, and the others go on. Knows nothing of
who is asked when.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final, NamedTuple

from sif.errors import SifError, StorageError, SuspectError
from sif.ownership.run import JOURNAL, read_verdict
from sif.session.afar import FAILURES
from sif.session.campaign.outcome import PairRow, keep_row, kept_row
from sif.session.campaign.pages import write_run_page
from sif.session.campaign.pairing import RUNS, Pair
from sif.suspects.kept import KeptAnswers
from sif.types import Suspect
from sif.visible import visible

NOT_YET: Final = "its turn has not come; the same command goes on"


class CampaignProgress(NamedTuple):
    """Triggers asked of those that there are, and pairs that ended of those that are asked."""

    asked: int
    triggers: int
    ended: int
    pairs: int


Report = Callable[[CampaignProgress], None]


def empty_row(pair: Pair) -> PairRow:
    """A pair whose turn did not come."""
    return PairRow(
        pair=pair.place,
        fingerprint=pair.owned.asked.label,
        label=pair.suspect.label,
        group=pair.suspect.group,
        address=visible(pair.suspect.name),
        decision="not_asked",
        reason=NOT_YET,
        alpha=pair.owned.policy.alpha,
        run=f"{RUNS}/{pair.place}",
    )


@dataclass(kw_only=True)
class Desk:
    """Where sessions come from and rows go to; for any thread.

    Attributes:
        wanted: the pairs that are asked.
        report: is told of progress.
    """

    wanted: Sequence[Pair]
    report: Report
    _asked: dict[str, int] = field(default_factory=dict)
    _done: int = 0
    _ended: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._triggers = sum(pair.owned.triggers for pair in self.wanted)

    def ask(self, pair: Pair, opened: Callable[[], Suspect] | None = None) -> None:
        """One session, unless it is settled; its row is on the disk afterwards.

        Args:
            pair: to be asked.
            opened: gives the suspect, which stays open; where None, the session opens it itself.

        Raises:
            CancelledError: the campaign ends.
            StorageError: the row cannot be written.
        """
        began, row, before = perf_counter(), empty_row(pair), kept_row(pair.row)
        try:
            row = row.model_copy(update={"settings": pair.settings_digest()})
            if before is not None and before.settled and before.settings == row.settings:
                self._end(pair)
                return
            suspect = opened() if opened else pair.suspect.suspect
            verdict = pair.session(suspect).verify(
                report=lambda progress: self._move(pair, progress.asked)
            )
            row = row.judged(verdict)
        except FAILURES as error:
            row = _failed(pair, row, error)  # anything else is a fault of ours, and ends them all
        spent = perf_counter() - began + (before.seconds or 0.0 if before else 0.0)
        row = row.model_copy(update={"seconds": round(spent, 3)})
        keep_row(pair.row, row)
        write_run_page(pair, row)
        self._end(pair)

    def _end(self, pair: Pair) -> None:
        with self._lock:
            self._ended += 1
        self._move(pair, pair.owned.triggers)

    def _move(self, pair: Pair, asked: int) -> None:
        with self._lock:
            self._done += asked - self._asked.get(pair.place, 0)
            self._asked[pair.place] = asked
            self.report(CampaignProgress(self._done, self._triggers, self._ended, len(self.wanted)))


def is_settled(pair: Pair) -> bool:
    """Whether nothing of a pair is left to be asked."""
    row = kept_row(pair.row)
    if row is None or not row.settled:
        return False
    try:
        return row.settings == pair.settings_digest()
    except SifError:
        return False


def _failed(pair: Pair, row: PairRow, error: BaseException) -> PairRow:
    """A row that says why there is no verdict, and how many questions have an answer."""
    reason = visible(" ".join(str(error).split()) or type(error).__name__, longest=500)
    if isinstance(error, SuspectError):
        try:
            silent = row.judged(read_verdict(pair.run))
        except StorageError:
            pass
        else:
            if not silent.answered:
                return silent.model_copy(update={"decision": "failed", "reason": reason})
    return row.failed(reason, questions=pair.questions, answered=_answered(pair))


def _answered(pair: Pair) -> int:
    """Questions of a run that have an answer already."""
    journal = pair.run / JOURNAL
    if not journal.is_file():
        return 0
    try:
        with KeptAnswers(journal) as kept:
            return min(len(kept.answers()), pair.questions)
    except SifError:
        return 0
