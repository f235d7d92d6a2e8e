"""`sif bench sharing`: how much of the source must be in a model before evidence begins."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from sif.cli.progress import bar


def sharing(
    out: Annotated[Path, typer.Option(help="Folder for models, triggers, answers and tables.")],
    family: Annotated[
        Literal["llava", "qwen2_5_vl"], typer.Option(help="Of the mini models.")
    ] = "llava",
    methods: Annotated[
        str, typer.Option(help="As of `sif bench triggers`, those with green lists only.")
    ] = "sif",
    number: Annotated[
        int, typer.Option("-n", "--number", min=2, help="Triggers of a method.")
    ] = 24,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Of the relatives' training [default: as few as tell the truth]."),
    ] = None,
) -> None:
    """Trains relatives that start with growing parts of the source, and asks them its triggers.

    Writes into --out/FAMILY sharing.md, sharing.svg, and as Parquet truths (a row for each
    relative) and answers (a row for each answer). Started again it goes on where it stopped, but
    begins an interrupted training anew. With FAMILY/fingerprints removed, new triggers are made and
    asked of the relatives that are there.

    Example: `sif bench sharing --out sharing`
    """
    from sif.eval.sharing.curve import as_markdown, as_picture, points
    from sif.eval.sharing.sharing import STEPS, SharingBench, run_sharing
    from sif.files import write_atomically

    names = tuple(name.strip() for name in methods.split(",") if name.strip())
    bench = SharingBench(
        out=out, family=family, methods=names, triggers=number, steps=steps or STEPS
    )
    with bar() as show:
        truths, told = run_sharing(bench, show=show)
    some = points(told)
    text = as_markdown(some, truths)
    write_atomically(bench.folder / "sharing.md", text)
    write_atomically(bench.folder / "sharing.svg", as_picture(some))
    typer.echo(text)
    typer.echo(f"{bench.folder}: sharing.md, sharing.svg, truths.parquet, answers.parquet")
