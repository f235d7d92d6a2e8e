"""`sif bench roster`: methods compared on a real model, its real copies and real innocents."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sif.cli.names import names
from sif.cli.progress import bar

if TYPE_CHECKING:
    from sif.eval.rosters.check import Finding
    from sif.eval.rosters.plan import Plan
    from sif.eval.rosters.run import Results

COLOURS = {"ready": "green", "download": "yellow", "set aside": "cyan", "missing": "red"}


def roster(
    roster: Annotated[
        str, typer.Argument(help="llava-1.5-7b, qwen2.5-vl-7b, or a YAML file like theirs.")
    ],
    images: Annotated[Path, typer.Option(help="Folder of base images, any size and format.")],
    out: Annotated[Path, typer.Option(help="Folder for triggers, answers and tables.")],
    methods: Annotated[
        str | None,
        typer.Option(
            help="Recipes, as in `sif bench triggers`, with commas [default: the roster's]."
        ),
    ] = None,
    number: Annotated[
        int | None,
        typer.Option("-n", "--number", min=2, help="Triggers a method [default: the roster's]."),
    ] = None,
    suspects: Annotated[
        str | None, typer.Option(help="Some of the roster, with commas [default: everybody].")
    ] = None,
    image_attacks: Annotated[
        str | None,
        typer.Option(
            help="In the words of `sif verify --image-attack`, with commas [default: the roster's]."
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Optimisation steps, instead of the recipes'.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything random but the keys.")] = 0,
    batch: Annotated[
        int, typer.Option(min=1, help="Triggers optimised together, where the method allows it.")
    ] = 8,
    device: Annotated[
        str, typer.Option(help="That triggers are made on: auto, cpu, cuda, cuda:1, …")
    ] = "auto",
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only say what is here, what is missing and what it costs."),
    ] = False,
) -> None:
    """Makes triggers on a roster's source by each method, and asks its copies and innocents.

    One suspect is loaded at a time; one that cannot be is a row with the reason. Writes
    summary.md, plots, suspects.json, cells.parquet and costs.parquet into --out. Started again
    with the same settings it goes on where it stopped, and loads no model whose answers it has.

    With --dry-run nothing is downloaded, loaded or written: exit code 0 if at most downloads are
    missing, 1 if something else is.

    Example: `sif bench roster llava-1.5-7b --images photos --out bench --dry-run`
    """
    from sif.eval.rosters.plan import make_plan
    from sif.eval.rosters.roster import load_roster

    plan = make_plan(
        load_roster(roster),
        methods=_names(methods),
        suspects=_names(suspects),
        image_attacks=_names(image_attacks),
        triggers=number,
        steps=steps,
        seed=seed,
        batch_size=batch,
        device=device,
    )
    if dry_run:
        _check(plan, images)
        return
    from sif.eval.rosters.run import run_roster
    from sif.fingerprint.images import read_images

    pictures = read_images(images)
    with bar() as show:
        results = run_roster(plan, pictures, out, show=show)
    _report(results, out)


def _check(plan: "Plan", folder: Path) -> None:
    """Prints what is here and what is not; leaves with 1 if more than downloads is missing."""
    from sif.errors import UsageError
    from sif.eval.rosters.check import Images, check, passes
    from sif.fingerprint.images import read_images

    try:
        images = Images(len(read_images(folder)))
    except UsageError as error:
        images = Images(0, str(error))
    findings = check(plan, images)
    _print_table(findings)
    typer.echo(_conclusion(plan, findings))
    if not passes(findings):
        raise typer.Exit(1)


def _print_table(findings: "Sequence[Finding]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("", "what", "weights ≥", "download ≈", "found", box=None, pad_edge=False)
    for finding in findings:
        table.add_row(
            Text(finding.state, style=COLOURS[finding.state]),
            Text(finding.what),
            "" if finding.memory is None else f"{finding.memory / 2**30:.1f} GiB",
            "" if finding.download_gb is None else f"{finding.download_gb:.1f} GB",
            Text(finding.words),
        )
    Console().print(table)


def _conclusion(plan: "Plan", findings: "Sequence[Finding]") -> str:
    """What it costs in all, and what is missing."""
    questions = plan.questions * len(plan.asked)
    said = [f"{questions} questions to {len(plan.asked)} suspects"]
    for state, words in (("missing", "missing"), ("download", "to be downloaded")):
        names = [finding.what for finding in findings if finding.state == state]
        said += [f"{words}: {', '.join(names)}"] if names else []
    return "\n".join(said if len(said) > 1 else [*said, "nothing is missing"])


def _report(results: "Results", out: Path) -> None:
    from sif.eval.rosters.outcomes import outcomes_as_markdown
    from sif.eval.triggers.overview import as_overview
    from sif.eval.triggers.plots import write_plots
    from sif.eval.triggers.results import Rows
    from sif.eval.triggers.summary import as_table, summarise
    from sif.files import write_atomically

    lines = summarise(results.cells)
    overview = as_overview(Rows(results.cells, results.costs, portraits=[]))
    overview += outcomes_as_markdown(results.outcomes)
    write_atomically(out / "summary.md", f"{overview}\n{as_table(lines)}")
    pictures = [path.name for path in write_plots(out, lines, results.costs)]
    typer.echo(overview)
    names = ["summary.md", *pictures, "suspects.json", "cells.parquet", "costs.parquet"]
    typer.echo(f"{out}: {', '.join(names)}")


def _names(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return names(text)
