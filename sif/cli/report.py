"""`sif report`: one page about finished runs. Knows nothing of how the page looks."""

from pathlib import Path
from typing import Annotated

import typer

from sif.cli import options
from sif.cli.say import say


def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders written by `sif verify --run`.")],
    out: Annotated[
        Path | None,
        typer.Option(help="The page; default: report.html in the run, or here for several runs."),
    ] = None,
    fingerprint: Annotated[
        Path | None, typer.Option(help="The fingerprint's folder, where it was moved.")
    ] = None,
    secret: options.Secret = None,
    public: Annotated[
        bool, typer.Option("--public", help="Leave out which words are green.")
    ] = False,
) -> None:
    """Writes a self-contained page with verdicts, evidence curves, triggers and answers.

    Example: `sif report runs/nf4 runs/unrelated --out report.html`
    """
    from sif.fingerprint.folder import FingerprintSet
    from sif.report.write import fingerprint_of, write_report

    folder = fingerprint or fingerprint_of(runs)
    owned = FingerprintSet.load(folder, secret=secret)
    path = write_report(runs, out, fingerprint=owned, public=public)
    say(f"report: {path}")
