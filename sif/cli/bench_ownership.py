"""`sif bench ownership`: whether the ownership statistics keep their promise, simulated."""

from pathlib import Path
from typing import Annotated

import typer

from sif.cli.progress import bar


def ownership(
    out: Annotated[Path, typer.Option(help="Folder for tables, plots and numbers.")],
    audits: Annotated[
        int, typer.Option(min=1000, help="Simulated audits for each set of null texts.")
    ] = 100_000,
    seed: Annotated[int, typer.Option(help="Of the keys.")] = 0,
    quick: Annotated[
        bool, typer.Option("--quick", help="At most 10,000 audits, 4 questions: seconds.")
    ] = False,
) -> None:
    """Simulates audits of innocents and copies on real texts: false claims, power, selection.

    Null with optional stopping, power beside the z-test, the released code's select-then-test
    rule, what dropping, re-keying and re-ordering do, and providers that watermark their own text.
    Writes summary.md, null.svg, power.svg, selection.svg and results.json into --out.

    Example: `sif bench ownership --out ownership`
    """
    import torch

    from sif.eval.ownership.plots import write_plots
    from sif.eval.ownership.run import QUICK_AUDITS, OwnershipBench, run_ownership
    from sif.eval.ownership.tables import as_summary
    from sif.files import write_atomically

    torch.set_num_threads(1)  # what is decoded may depend on their number
    bench = OwnershipBench(audits=audits, seed=seed)
    if quick:
        bench = OwnershipBench(audits=min(audits, QUICK_AUDITS), questions=4, seed=seed)
    with bar() as show:
        results = run_ownership(bench, show=show)
    summary = as_summary(results)
    write_atomically(out / "summary.md", summary)
    write_atomically(out / "results.json", results.model_dump_json(indent=2))
    pictures = [path.name for path in write_plots(out, results)]
    typer.echo(summary)
    typer.echo(f"{out}: summary.md, {', '.join(pictures)}, results.json")
