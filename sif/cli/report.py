"""`sif report`: one page about finished runs. Knows nothing of how the page looks."""

from pathlib import Path
from typing import Annotated

import typer

PAGE = "report.html"


def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders written by `sif verify --run`.")],
    out: Annotated[
        Path | None,
        typer.Option(help=f"The page; default: {PAGE} in the run, or here for several runs."),
    ] = None,
    fingerprint: Annotated[
        Path | None, typer.Option(help="The fingerprint's folder, where it was moved.")
    ] = None,
    secret: Annotated[
        Path | None, typer.Option(help="The key file, where it is not in the fingerprint.")
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Leave out which words are green.")
    ] = False,
) -> None:
    """Writes a self-contained page with verdicts, evidence curves, triggers and answers.

    Example: `sif report runs/nf4 runs/unrelated --out report.html`
    """
    from datetime import datetime

    from sif.errors import UsageError
    from sif.fingerprint.folder import FingerprintSet
    from sif.ownership.run import read_record
    from sif.report.page import ReportPage
    from sif.report.render import write_report
    from sif.report.run import read_audit
    from sif.report.views import fingerprint_facts, suspect_view, trigger_views

    folders = {fingerprint} if fingerprint else {Path(read_record(run).fingerprint) for run in runs}
    if len(folders) > 1:
        raise UsageError(
            f"expected runs of one fingerprint, got {len(folders)}; make a report for each"
        )
    owned = FingerprintSet.load(folders.pop(), secret=secret)
    page = ReportPage(
        title=f"{Path(owned.manifest.model.source).name}, {len(owned.triggers)} triggers",
        created=datetime.now().astimezone(),
        facts=fingerprint_facts(owned),
        triggers=trigger_views(owned),
        suspects=[suspect_view(owned, read_audit(run), public=public) for run in runs],
        public=public,
    )
    path = out or (runs[0] / PAGE if len(runs) == 1 else Path(PAGE))
    write_report(page, path)
    typer.echo(f"report: {path}")
