"""`sif bench verdicts`: what weights buy, and how many questions a calibrated claim takes."""

from pathlib import Path
from typing import Annotated

import typer

from sif.cli.names import FAMILIES, names
from sif.cli.names import families as chosen_families
from sif.cli.progress import bar


def verdicts(
    out: Annotated[Path, typer.Option(help="Folder for models, triggers, answers and the table.")],
    families: Annotated[
        str, typer.Option(help="Of the mini models, with commas between them.")
    ] = ",".join(FAMILIES),
    number: Annotated[
        int, typer.Option("-n", "--number", min=2, help="Triggers of a fingerprint.")
    ] = 24,
    seeds: Annotated[int, typer.Option(min=1, help="Fingerprints of each family.")] = 3,
    suspects: Annotated[str | None, typer.Option(help="Some of the roster, with commas.")] = None,
) -> None:
    """Fingerprints, calibrates and audits the mini models, and counts the questions.

    A panel of two innocents calibrates each fingerprint; others, and copies, are then audited.
    Writes verdicts.md into --out. Started again it goes on where it stopped.

    Example: `sif bench verdicts --out verdicts --families llava --seeds 1`
    """
    from sif.eval.verdicts.verdicts import SUSPECTS, VerdictBench, as_table, run_verdicts
    from sif.files import write_atomically

    wanted = chosen_families(families)
    bench = VerdictBench(
        out=out,
        families=wanted,  # type: ignore[arg-type]  # checked above
        triggers=number,
        seeds=tuple(range(seeds)),
        suspects=names(suspects) if suspects else SUSPECTS,
    )
    with bar() as show:
        found, allowances = run_verdicts(bench, show=show)
    table = as_table(found, allowances)
    write_atomically(out / "verdicts.md", table)
    typer.echo(table)
    typer.echo(f"{out}: verdicts.md")
