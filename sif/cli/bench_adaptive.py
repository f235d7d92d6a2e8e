"""`sif bench adaptive`: a thief who knows the method but not the key."""

from pathlib import Path
from typing import Annotated, Final

import typer

from sif.cli.names import FAMILIES, names
from sif.cli.names import families as chosen_families
from sif.cli.progress import bar
from sif.errors import UsageError

DETECTION: Final = "detection"
PARTS: Final = (DETECTION, "purifiers", "averaging", "filter", "tuning", "unlearning", "owner")


def adaptive(
    out: Annotated[
        Path, typer.Option(help="Folder for models, triggers, copies, answers and tables.")
    ],
    families: Annotated[
        str, typer.Option("--families", "--family", help="Of the mini models, with commas.")
    ] = ",".join(FAMILIES),
    sections: Annotated[
        str,
        typer.Option(
            help="Parts, with commas: detection, purifiers, averaging, filter, tuning, unlearning, "
            "owner. Several commands may fill one folder; the last, with all, only reads it."
        ),
    ] = ",".join(PARTS),
    quick: Annotated[
        bool, typer.Option("--quick", help="A little of everything on LLaVA: minutes.")
    ] = False,
) -> None:
    """Attacks by a thief who knows the method but not the key, and what they leave.

    Detects triggers (ROC curves), purifies pictures, filters what is flagged, joins several
    answers, tunes copies on suspected triggers and on triggers of his own keys, and unlearns
    disclosed ones; evidence is log10 of the e-value for each trigger, beside a reserve that he
    never saw. Writes adaptive.md, plots, and Parquet files into --out; started again it goes on
    where it stopped.

    Example: `sif bench adaptive --out adaptive --quick`
    """
    from sif.eval.adaptive.plots import write_plots
    from sif.eval.adaptive.rows import SECTIONS
    from sif.eval.adaptive.run import PREFIX, AdaptiveBench, run_adaptive
    from sif.eval.adaptive.scale import FULL, QUICK
    from sif.eval.adaptive.tables import as_report, summarise
    from sif.files import write_atomically

    wanted = ("llava",) if quick else chosen_families(families)
    parts = names(sections)
    if unknown := [part for part in parts if part not in PARTS]:
        raise UsageError(f"expected sections among {', '.join(PARTS)}, got {unknown[0]!r}")
    bench = AdaptiveBench(
        out=out,
        families=wanted,  # type: ignore[arg-type]  # checked above
        scale=QUICK if quick else FULL,
        detection=DETECTION in parts,
        sections=tuple(part for part in SECTIONS if part in parts),
    )
    with bar() as show:
        found = run_adaptive(bench, show=show)
    report = as_report(found.outcomes, found.detections, found.fidelity)
    write_atomically(out / "adaptive.md", report)
    pictures = write_plots(out, found.scores, summarise(found.outcomes))
    typer.echo(report)
    files = ["adaptive.md", *(path.name for path in pictures)]
    files += [f"{PREFIX}{name}.parquet" for name in found._fields]
    typer.echo(f"{out}: {', '.join(files)}")
