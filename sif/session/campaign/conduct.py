"""Conducts a campaign: every pair is one ordinary session, kept as it comes.

Endpoints are asked side by side through shared lanes (`sif.http.lanes`), each in a thread that
mostly waits; local models meanwhile one after another, where the caller runs, one in memory at a
time. What fails is a row with its reason, and the others go on.
"""

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager, nullcontext
from contextvars import copy_context
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from time import perf_counter
from typing import Final, NamedTuple

from filelock import FileLock, Timeout

from sif.errors import SifError, StorageError, SuspectError
from sif.files import writing
from sif.http.lanes import sharing_lanes
from sif.open_files import raise_open_files
from sif.ownership.run import JOURNAL, read_verdict
from sif.session.campaign.campaign_file import Campaign, PaceLimits
from sif.session.campaign.campaign_reader import read_campaign
from sif.session.campaign.family import LOCK, keep_promise
from sif.session.campaign.outcome import (
    CampaignResults,
    PairRow,
    keep_row,
    kept_row,
    write_tables,
)
from sif.session.campaign.pages import write_campaign_page, write_run_page
from sif.session.campaign.pairing import NOWHERE, RUNS, Pair, Pairs, pair_up, promise_of
from sif.suspects.connect import connect
from sif.suspects.kept import KeptAnswers
from sif.suspects.uri import OpenAIOptions
from sif.types import Suspect
from sif.visible import visible

# Open files of one session besides its connections, and those of all else.
FILES_EACH, SPARE_FILES = 8, 128
NOT_YET: Final = "its turn has not come; the same command goes on"
OTHERWISE: Final = (
    "under this label something else was asked than the file says now (its run says what); the "
    "same command says more, or another label asks anew"
)
# What ends one session, and not the others. Anything else is a fault of ours, and ends them all.
FAILURES: Final = (SifError, OSError, sqlite3.Error, MemoryError, RuntimeError, ValueError)

logger = logging.getLogger(__name__)


class CampaignProgress(NamedTuple):
    """Triggers asked of those that there are, and pairs that ended of those that are asked."""

    asked: int
    triggers: int
    ended: int
    pairs: int


Report = Callable[[CampaignProgress], None]


def _silent(progress: CampaignProgress) -> None:
    """For callers who do not want to know."""


def audit_all(
    campaign: str | Path | Campaign,
    *,
    only: Sequence[str] = (),
    report: Report = _silent,
) -> CampaignResults:
    """Asks every suspect of a campaign about every fingerprint, and writes tables and a report.

    Called again it goes on: what is settled is not asked again, and of the rest only the questions
    without an answer. Where it is interrupted, tables say how far it came.

    Args:
        campaign: its file, or what was read from it.
        only: labels of suspects or fingerprints; the others are left as they are.
        report: is told of progress, from any thread.

    Raises:
        UsageError: a file that makes no sense, or that breaks what the campaign promised of α.
        FingerprintError: a fingerprint that cannot be read, or whose keys are not at hand.
        ClaimError: one that was not committed to, and was to be asked so.
        StorageError: the folder holds something else, is in use, or cannot be written.
    """
    whole = pair_up(campaign if isinstance(campaign, Campaign) else read_campaign(campaign))
    wanted = whole.only(only)
    with _held(whole.out):
        _keep_promise(whole)
        desk = Desk(wanted=wanted, report=report)
        try:
            _ask(whole, desk)
        finally:
            results = collect(whole)
            write_tables(whole.out, results)
            write_campaign_page(whole, results)
    return results


def _keep_promise(whole: Pairs) -> None:
    """Written while nobody else works here, as of what others promised before."""
    record = promise_of(whole.campaign)
    if record.split_among != whole.record.split_among:
        raise StorageError(
            f"expected {whole.out} as it was a moment ago, got a campaign that another command "
            "began there; run the same command again"
        )
    keep_promise(whole.out, record)


def collect(whole: Pairs) -> CampaignResults:
    """What is known of every pair so far."""
    return CampaignResults(
        alpha=whole.record.alpha,
        split_among=whole.record.split_among,
        pairs=tuple(_row(pair) for pair in whole.pairs),
    )


def _row(pair: Pair) -> PairRow:
    kept = kept_row(pair.row) or empty_row(pair)
    if kept.settings and not kept.settings.startswith(pair.terms_digest()):
        kept = empty_row(pair).model_copy(update={"reason": OTHERWISE})
    return kept.model_copy(update={"group": pair.suspect.group})


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


@contextmanager
def _held(out: Path) -> Iterator[None]:
    """Nobody else works in the folder meanwhile; a process that is gone holds nothing."""
    lock = FileLock(out / LOCK)
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise StorageError(
                f"expected {out} for this command alone, got another that works in it; wait for "
                "it, or name another folder as out"
            ) from error
    try:
        yield
    finally:
        lock.release()


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

    def ask(self, pair: Pair, suspect: str | Suspect | None = None) -> None:
        """One session, unless it is settled; its row is on the disk afterwards.

        Args:
            pair: to be asked.
            suspect: open already; the pair's address where None.

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
            verdict = pair.session(suspect or pair.suspect.suspect).verify(
                report=lambda progress: self._move(pair, progress.asked)
            )
            row = row.judged(verdict)
        except FAILURES as error:
            row = _failed(pair, row, error)
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


def _ask(whole: Pairs, desk: Desk) -> None:
    """Endpoints in threads, local models here; at whatever end, no thread is left."""
    limits = whole.campaign.limits
    queues: dict[str, deque[Pair]] = {}
    local: list[Pair] = []
    for pair in desk.wanted:
        if pair.host == NOWHERE:
            local.append(pair)
        else:
            queues.setdefault(pair.host, deque()).append(pair)
    # As many sessions at a host as requests may be under way there: the first of every host first.
    turns = sorted(
        (turn, host)
        for host, queue in queues.items()
        for turn in range(min(len(queue), limits.pace(host).at_a_time or len(queue)))
    )
    with sharing_lanes(limits.pace) as lanes:
        most = max((_connections(pair, limits) for pair in desk.wanted), default=0)
        room = max(1, (raise_open_files() - SPARE_FILES) // (FILES_EACH + most))
        threads = min(limits.side_by_side, room, len(turns)) or 1
        pool = ThreadPoolExecutor(threads, "sif-campaign")
        try:
            work = [
                pool.submit(copy_context().run, _drain, queues[host], desk) for _, host in turns
            ]
            _ask_local(local, desk)
            for done in as_completed(work):
                done.result()
        except BaseException:
            lanes.close()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _connections(pair: Pair, limits: PaceLimits) -> int:
    """That one session may have at a time."""
    address = pair.suspect.address
    if address is None or not isinstance(address.options, OpenAIOptions):
        return 0
    return min(address.options.concurrency, limits.pace(pair.host).at_a_time or 1)


def _drain(queue: "deque[Pair]", desk: Desk) -> None:
    while queue:
        try:
            pair = queue.popleft()
        except IndexError:  # another thread was quicker
            return
        desk.ask(pair)


def _ask_local(pairs: Sequence[Pair], desk: Desk) -> None:
    """One model after the other; one that is asked about several fingerprints is loaded once."""
    ordered = sorted(pairs, key=lambda pair: pair.suspect.suspect)
    for _, some in groupby(ordered, key=lambda pair: pair.suspect.suspect):
        alike = list(some)
        plain = not any(pair.suspect.answer_attacks for pair in alike)
        shared = plain and sum(not is_settled(pair) for pair in alike) > 1
        with _opened(alike[0]) if shared else nullcontext() as suspect:
            for pair in alike:
                desk.ask(pair, suspect)


@contextmanager
def _opened(pair: Pair) -> Iterator[Suspect | None]:
    """The suspect; None where it cannot be opened, which each session then finds out by itself."""
    try:
        suspect = connect(pair.suspect.suspect)
    except FAILURES as error:
        logger.info("%s cannot be opened: %s", pair.suspect.name, error)
        yield None
        return
    with closing(suspect):
        yield suspect
