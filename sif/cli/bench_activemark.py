"""`sif bench activemark`: marks in vision models against copies, innocents and removal."""

from pathlib import Path
from typing import Annotated

import typer

from sif.cli.names import names
from sif.cli.progress import bar


def activemark(
    out: Annotated[Path, typer.Option(help="Folder for models, watermarks, rows and tables.")],
    sources: Annotated[
        str, typer.Option(help="Marked models, with commas: llava-tower, dino.")
    ] = "llava-tower,dino",
    modes: Annotated[
        str,
        typer.Option(help="Recipes of `sif activemark embed`, with commas."),
    ] = "paper,injected,keyed",
    suspects: Annotated[
        str | None,
        typer.Option(help="Some of the suspects, with commas [default: everybody]."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random, keys included.")] = 0,
    jobs: Annotated[
        int, typer.Option("-j", "--jobs", min=1, help="Processes side by side, of one thread each.")
    ] = 1,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Short marks and tunings on the smallest source: minutes."),
    ] = False,
) -> None:
    """Marks two vision models in three ways, makes every suspect, and reads the marks in all.

    Copies: fine-tuned for digits (three schedules), scenes and segmentation, pruned, quantised,
    noisy, merged with the clean model, overwritten, distilled. Innocents: the clean source, and
    models from other seeds or of other architectures. Beside them the table of blocks and two
    baselines, IPGuard and ADV-TRA, on the same suspects.

    Writes summary.md, errors.svg, suspects.svg, blocks.svg, results.json and a Parquet file for
    each kind of row into --out. Started again with the same settings it goes on where it stopped.

    Example: `sif bench activemark --out marks --quick`
    """
    import torch

    from sif.eval.marks.plots import write_plots
    from sif.eval.marks.results import write_all
    from sif.eval.marks.run import run_activemark, setting_of
    from sif.eval.marks.tables import as_summary

    torch.set_num_threads(1)  # the order of sums, and with it every training, depends on it
    setting = setting_of(
        names(sources),
        names(modes),
        suspects=names(suspects) if suspects else None,
        seed=seed,
        quick=quick,
    )
    with bar() as show:
        rows = run_activemark(out, setting, jobs=jobs, show=show)
    files = write_all(out, rows, as_summary(rows))
    pictures = write_plots(out, rows)
    typer.echo(as_summary(rows))
    typer.echo(f"{out}: {', '.join(path.name for path in [*files, *pictures])}")
