"""`sif bench elicit`: how to ask copies that answer in one word."""

from pathlib import Path
from typing import Annotated

import typer

from sif.cli.names import FAMILIES, names
from sif.cli.names import families as chosen_families
from sif.cli.progress import bar


def elicit(
    out: Annotated[
        Path, typer.Option(help="New, or the folder of an earlier `sif bench triggers`.")
    ],
    families: Annotated[
        str, typer.Option(help="Of the mini models, with commas between them.")
    ] = ",".join(FAMILIES),
    number: Annotated[
        int, typer.Option("-n", "--number", min=2, help="Triggers of a method, family and seed.")
    ] = 24,
    methods: Annotated[
        str, typer.Option(help="Recipes with green lists, as in `sif bench triggers`.")
    ] = "sif",
    seeds: Annotated[int, typer.Option(min=1, help="Sets of keys for each method.")] = 1,
) -> None:
    """Asks copies tuned on short questions in many ways; the source and an innocent to compare.

    Ways: the trigger's own prompt, an example description of another picture beside it (its first
    sentence or all of it), each with and without a minimum of 60 tokens, and the other ordinary
    prompts. Writes elicit.md and elicit.parquet into --out. Triggers and answers that lie there
    already are found again, so started again it goes on where it stopped.

    Example: `sif bench elicit --out bench --families llava`
    """
    from sif.eval.elicit.elicit import ROWS, ElicitBench, run_elicit
    from sif.eval.elicit.elicited import as_table
    from sif.files import write_atomically

    wanted = chosen_families(families)
    bench = ElicitBench(
        out=out,
        families=wanted,  # type: ignore[arg-type]  # checked above
        methods=names(methods),
        triggers=number,
        seeds=tuple(range(seeds)),
    )
    with bar() as show:
        rows = run_elicit(bench, show=show)
    table = as_table(rows)
    write_atomically(out / "elicit.md", table)
    typer.echo(table)
    typer.echo(f"{out}: elicit.md, {ROWS}")
