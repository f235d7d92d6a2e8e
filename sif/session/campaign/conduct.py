"""Conducts a campaign: every pair is one ordinary session, kept as it comes.

Endpoints are asked side by side through shared lanes (`sif.http.lanes`), each in a thread that
mostly waits; local models meanwhile, by whoever has them in memory (`local`). What fails is a row
with its reason, and the others go on.
"""

import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextvars import copy_context
from pathlib import Path
from typing import Final

from sif.errors import StorageError
from sif.held import held
from sif.http.lanes import sharing_lanes
from sif.open_files import raise_open_files
from sif.scale.workforce import Workforce
from sif.session.campaign.campaign_file import Campaign, PaceLimits
from sif.session.campaign.campaign_reader import read_campaign
from sif.session.campaign.desk import CampaignProgress, Desk, Report, empty_row
from sif.session.campaign.family import keep_promise
from sif.session.campaign.local import asking_local
from sif.session.campaign.outcome import (
    CampaignResults,
    PairRow,
    kept_row,
    write_tables,
)
from sif.session.campaign.pages import write_campaign_page
from sif.session.campaign.pairing import NOWHERE, Pair, Pairs, pair_up, promise_of
from sif.suspects.uri import OpenAIOptions

# Open files of one session besides its connections, and those of all else.
FILES_EACH, SPARE_FILES = 8, 128
OTHERWISE: Final = (
    "under this label something else was asked than the file says now (its run says what); the "
    "same command says more, or another label asks anew"
)

logger = logging.getLogger(__name__)


def _silent(progress: CampaignProgress) -> None:
    """For callers who do not want to know."""


def audit_all(
    campaign: str | Path | Campaign,
    *,
    only: Sequence[str] = (),
    report: Report = _silent,
    workforce: Workforce | None = None,
) -> CampaignResults:
    """Asks every suspect of a campaign about every fingerprint, and writes tables and a report.

    Called again it goes on: what is settled is not asked again, and of the rest only the questions
    without an answer. Where it is interrupted, tables say how far it came.

    Args:
        campaign: its file, or what was read from it.
        only: labels of suspects or fingerprints; the others are left as they are.
        report: is told of progress, from any thread.
        workforce: who has local models in memory, one at a time each; this process where None.

    Raises:
        UsageError: a file that makes no sense, or that breaks what the campaign promised of α.
        FingerprintError: a fingerprint that cannot be read, or whose keys are not at hand.
        ClaimError: one that was not committed to, and was to be asked so.
        StorageError: the folder holds something else, is in use, or cannot be written.
    """
    whole = pair_up(campaign if isinstance(campaign, Campaign) else read_campaign(campaign))
    wanted = whole.only(only)
    with held(whole.out):
        _keep_promise(whole)
        desk = Desk(wanted=wanted, report=report)
        try:
            _ask(whole, desk, workforce or Workforce())
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


def _ask(whole: Pairs, desk: Desk, workforce: Workforce) -> None:
    """Endpoints in threads, local models beside them; at whatever end, no thread is left."""
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
    with asking_local(local, desk, workforce) as ask_local, sharing_lanes(limits.pace) as lanes:
        most = max((_connections(pair, limits) for pair in desk.wanted), default=0)
        room = max(1, (raise_open_files() - SPARE_FILES) // (FILES_EACH + most))
        threads = min(limits.side_by_side, room, len(turns)) or 1
        pool = ThreadPoolExecutor(threads, "sif-campaign")
        try:
            work = [
                pool.submit(copy_context().run, _drain, queues[host], desk) for _, host in turns
            ]
            ask_local()
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
