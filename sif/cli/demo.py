"""`sif demo`: everything once, on mini models that come with SIF."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sif.cli.progress import bar

if TYPE_CHECKING:
    from sif.mini.demo import Row


WIDTH_IN_A_LOG = 110


class Family(StrEnum):
    """Architectures of the bundled models."""

    LLAVA = "llava"
    QWEN = "qwen2_5_vl"


def demo(
    out: Annotated[Path, typer.Option(help="Folder for models, triggers, answers and report.")] = (
        Path("demo")
    ),
    triggers: Annotated[
        int, typer.Option("-n", "--triggers", min=2, help="Trigger images to make.")
    ] = 16,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Optimisation steps, instead of the recipe's.")
    ] = None,
    family: Annotated[Family, typer.Option(help="Which mini models.")] = Family.LLAVA,
    everyone: Annotated[
        bool, typer.Option("--everyone", help="Also an int8 copy and a second sibling.")
    ] = False,
    vllm: Annotated[bool, typer.Option(help="Ask through vLLM where it is installed.")] = True,
) -> None:
    """Makes triggers on a mini model, steals it three ways, and asks copies and innocents.

    Two more innocents, asked before, calibrate how far unrelated models react.

    Takes a few minutes on two cores. Ends with a table and a page, report.html. Started again with
    the same folder, it goes on where it stopped.

    Example: `sif demo --out demo`
    """
    from sif.mini.demo import Demo, run_demo

    wanted = Demo(
        out=out,
        family=family.value,
        triggers=triggers,
        steps=steps,
        everyone=everyone,
        vllm=vllm,
    )
    with bar() as show:
        rows, report = run_demo(wanted, show=show)
    _print_table(rows)
    typer.echo(f"\nreport: {report}   (open it in a browser)")
    typer.echo(
        f'try next: sif verify {out}/fingerprint "hf:{out}/models/{rows[-1].model}" --run one-run'
    )


def _print_table(rows: "list[Row]") -> None:
    from math import floor

    from rich.console import Console
    from rich.table import Table

    from sif.ownership.verdict import rounded_up

    table = Table(title="Is it derived from the source?", title_justify="left")
    for heading in ("suspect", "asked through", "verdict"):
        table.add_column(heading)
    for heading in ("log10 E", "p ≤", "against transfer", "green", "questions"):
        table.add_column(heading, justify="right")
    colours = {"derived": "green", "not_shown": "default", "inconclusive": "yellow"}
    for row in rows:
        verdict = row.verdict
        name, transfer = verdict.decision.value, verdict.transfer_log10_e_value
        rate = "–" if verdict.green_rate is None else f"{verdict.green_rate:.0%}"
        table.add_row(
            row.label,
            row.engine,
            f"[{colours[name]}]{name.replace('_', ' ').upper()}[/]",
            f"{floor(10 * verdict.log10_e_value) / 10:.1f}",
            rounded_up(verdict.p_value),
            "–" if transfer is None else f"{floor(10 * transfer) / 10:.1f}",
            rate,
            str(verdict.queries),
        )
    console = Console()
    (console if console.is_terminal else Console(width=WIDTH_IN_A_LOG)).print(table)
