"""The pages of a campaign: one for each run, and one that stands before them all.

A run's page leaves trigger images out, which are the same in all of them; `sif report RUN` shows
them. Asks nobody and judges nothing.
"""

import logging
import threading
from datetime import datetime
from pathlib import Path
from typing import Final

from sif.errors import SifError
from sif.report.finished import read_finished
from sif.report.matrix import Cell, MatrixPage, SuspectLine, write_matrix
from sif.report.page import ReportPage
from sif.report.render import write_page
from sif.report.views import fingerprint_facts, suspect_view
from sif.session.campaign.outcome import JUDGED, CampaignResults, PairRow
from sif.session.campaign.pairing import PAGE, Pair, Pairs

NOTE: Final = "Trigger images are left out here; `sif report` of this run's folder shows them."

logger = logging.getLogger(__name__)

# A page is large in the making where answers are long: one at a time.
_MAKING: Final = threading.Lock()


def write_run_page(pair: Pair, row: PairRow) -> None:
    """The page of a run that was judged, beside its verdict; what keeps it from being is logged."""
    if row.decision not in JUDGED:
        return
    owned = pair.owned.fingerprint
    try:
        with _MAKING:
            page = ReportPage(
                title=f"{pair.suspect.label}, asked about {pair.owned.asked.label}",
                created=datetime.now().astimezone(),
                facts=fingerprint_facts(owned),
                triggers=(),
                suspects=[suspect_view(owned, read_finished(pair.run))],
                notes=(NOTE,),
            )
            write_page(page, pair.run / PAGE)
    except SifError as error:
        logger.warning("no page for %s: %s", pair.place, error)


def write_campaign_page(whole: Pairs, results: CampaignResults) -> None:
    """The page with every pair, first of all as a matrix.

    Raises:
        StorageError: it cannot be written.
    """
    found = {row.pair: row for row in results.pairs}
    lines = []
    for suspect in whole.campaign.suspects:
        pairs = [pair for pair in whole.pairs if pair.suspect is suspect]
        cells = tuple(_cell(pair, found[pair.place]) for pair in pairs)
        lines.append(
            SuspectLine(label=suspect.label, name=suspect.name, group=suspect.group, cells=cells)
        )
    page = MatrixPage(
        title=f"{len(whole.campaign.suspects)} suspects, {len(whole.campaign.fingerprints)} "
        f"fingerprint{'s' if len(whole.campaign.fingerprints) > 1 else ''}",
        created=datetime.now().astimezone(),
        fingerprints=tuple(one.label for one in whole.campaign.fingerprints),
        suspects=tuple(lines),
        to_know=results.to_know,
    )
    write_matrix(page, whole.out / PAGE)


def _cell(pair: Pair, row: PairRow) -> Cell:
    there = row.decision in JUDGED and (pair.run / PAGE).is_file()
    return Cell(
        fingerprint=row.fingerprint,
        decision=row.decision,
        reason=row.reason,
        log10_e_value=row.log10_e_value,
        transfer_log10_e_value=row.transfer_log10_e_value,
        questions=row.questions,
        answered=row.answered,
        unanswered=row.unanswered,
        seconds=row.seconds,
        page=Path(row.run, PAGE).as_posix() if there else None,
    )
