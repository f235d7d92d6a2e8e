"""`sif bench metav`: fingerprints for any network, compared."""

from pathlib import Path
from typing import Annotated

import typer

from sif.cli.names import names
from sif.cli.progress import bar


def metav(
    out: Annotated[Path, typer.Option(help="Folder for networks, scores, tables and figures.")],
    tasks: Annotated[
        str | None,
        typer.Option(
            help="Of digits, diabetes, autoencoder, forecaster, tower, with commas [default: all]."
        ),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="Numbers with commas between them [default: 1 to 5].")
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="One seed, without the tower, fewer training sets: minutes."),
    ] = False,
) -> None:
    """Trains MetaV, LiteGuard and ours on five tasks; asks 60 unseen suspects of each.

    Writes into --out summary.md, aruc.svg and a file of scores for each task and seed. Started
    again with the same settings it goes on where it stopped.

    Example: `sif bench metav --out bench --quick`
    """
    from sif.errors import UsageError
    from sif.eval.networks.contenders import NUMBERS
    from sif.eval.networks.plot import draw_numbers
    from sif.eval.networks.run import EVERYTHING, SEEDS, SMALL, NetworksBench, run_networks
    from sif.eval.networks.summary import as_tables
    from sif.files import write_atomically

    written = names(seeds) if seeds else ()
    if not all(seed.isdecimal() for seed in written):
        raise UsageError(f"expected numbers with commas between them for --seeds, got {seeds!r}")
    bench = NetworksBench(
        out=out,
        tasks=names(tasks) if tasks else (SMALL if quick else EVERYTHING),
        seeds=tuple(map(int, written)) or ((SEEDS[0],) if quick else SEEDS),
        numbers=(1, 10) if quick else NUMBERS,
    )
    with bar() as show:
        cells = run_networks(bench, show=show)
    tables = as_tables(cells)
    write_atomically(out / "summary.md", tables)
    write_atomically(out / "aruc.svg", draw_numbers(cells))
    typer.echo(tables)
    typer.echo(f"{out}: summary.md, aruc.svg, cells/*.json")
