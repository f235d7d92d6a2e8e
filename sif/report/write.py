"""From finished runs to the page: the one way in, for the command line and for Python."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice, zip_longest
from pathlib import Path
from typing import Final

from sif.errors import UsageError
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.run import read_record
from sif.report.finished import read_finished
from sif.report.page import ReportPage, SuspectView
from sif.report.render import write_page
from sif.report.views import fingerprint_facts, suspect_view, trigger_views

PAGE: Final = "report.html"
MOST_PICTURES: Final = 100
"""Triggers whose pictures are on a page: about 10 MB of it at most."""
MOST_ANSWERS: Final = 1000
"""Of all suspects together, in words: about 4 MB."""
FEWEST_ANSWERS: Final = 10
"""Of each of them, however many there are."""


def write_report(
    runs: Sequence[str | Path] | str | Path,
    out: str | Path | None = None,
    *,
    fingerprint: FingerprintSet | str | Path | None = None,
    title: str | None = None,
    public: bool = False,
) -> Path:
    """Writes one self-contained page with verdicts, evidence curves, triggers and answers.

    Verdicts and curves rest on all answers. Of very many triggers and answers those that were asked
    first are shown; how many are not stands there.

    Args:
        runs: folders of finished runs of one fingerprint, or one of them.
        out: the page; report.html in the run, or here for several runs, where None.
        fingerprint: that they asked about, or its folder, where it was moved; with its keys unless
            `public`.
        title: of the page; the model's name and the number of triggers where None.
        public: leave out which words are green.

    Returns:
        The page's path.

    Raises:
        UsageError: no runs, or runs of several fingerprints.
        StorageError: a run that was not finished, or a page that cannot be written.
        FingerprintError: no keys, or answers that are not those of the verdict.
    """
    folders = [Path(run) for run in ([runs] if isinstance(runs, str | Path) else runs)]
    if not folders:
        raise UsageError("expected at least one finished run, got none")
    if not isinstance(fingerprint, FingerprintSet):
        fingerprint = FingerprintSet.load(fingerprint or fingerprint_of(folders))
    count, facts = len(fingerprint.triggers), fingerprint_facts(fingerprint)
    most = max(FEWEST_ANSWERS, MOST_ANSWERS // len(folders))
    suspects = [
        suspect_view(fingerprint, read_finished(run), public=public, most=most) for run in folders
    ]
    triggers = trigger_views(fingerprint, asked_first(fingerprint, suspects, MOST_PICTURES))
    page = ReportPage(
        title=title or f"{Path(fingerprint.manifest.model.source).name}, {count:,} triggers",
        created=datetime.now().astimezone(),
        facts=facts,
        triggers=triggers,
        suspects=suspects,
        public=public,
        left_out=count - len(triggers),
    )
    path = Path(out) if out else (folders[0] / PAGE if len(folders) == 1 else Path(PAGE))
    write_page(page, path)
    return path


def asked_first(
    fingerprint: FingerprintSet, suspects: Sequence[SuspectView], most: int
) -> frozenset[str]:
    """The ids of so many triggers: whatever any suspect was asked first, then second, then all."""
    asked = [[answer.trigger_id for answer in suspect.answers] for suspect in suspects]
    turns = (name for turn in zip_longest(*asked) for name in turn if name is not None)
    known = dict.fromkeys(trigger.record.id for trigger in fingerprint.triggers)
    order = dict.fromkeys((*(name for name in turns if name in known), *known))
    return frozenset(islice(order, most))


def fingerprint_of(runs: Sequence[Path]) -> Path:
    """The folder of the fingerprint that all runs asked about."""
    folders = {Path(read_record(run).fingerprint) for run in runs}
    if len(folders) > 1:
        raise UsageError(
            f"expected runs of one fingerprint, got {len(folders)}; make a report for each"
        )
    return folders.pop()
