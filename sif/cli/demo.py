"""`sif demo`: everything once, on mini models that come with SIF."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sif.cli.progress import bar
from sif.cli.say import Cell, say, say_table

if TYPE_CHECKING:
    from sif.mini.demo import Row


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
    say("", f"report: {report}   (open it in a browser)")
    say(f'try next: sif verify {out}/fingerprint "hf:{out}/models/{rows[-1].model}" --run one-run')


def _print_table(rows: "list[Row]") -> None:
    from math import floor

    from sif.ownership.verdict import rounded_up

    left = ("suspect", "asked through", "verdict")
    right = ("log10 E", "p ≤", "against transfer", "green", "questions")
    colours = {"derived": "green", "not_shown": "default", "inconclusive": "yellow"}
    cells: list[tuple[str | Cell, ...]] = []
    for row in rows:
        verdict = row.verdict
        name, transfer = verdict.decision.value, verdict.transfer_log10_e_value
        rate = "–" if verdict.green_rate is None else f"{verdict.green_rate:.0%}"
        cells.append(
            (
                row.label,
                row.engine,
                Cell(name.replace("_", " ").upper(), colours[name]),
                f"{floor(10 * verdict.log10_e_value) / 10:.1f}",
                rounded_up(verdict.p_value),
                "–" if transfer is None else f"{floor(10 * transfer) / 10:.1f}",
                rate,
                str(verdict.queries),
            )
        )
    say_table((*left, *right), cells, title="Is it derived from the source?", right=right)
