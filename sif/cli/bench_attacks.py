"""`sif bench attacks`: everything that a thief does, what it leaves, and what he pays."""

from pathlib import Path
from typing import Annotated

import typer

from sif.cli.names import FAMILIES
from sif.cli.names import families as chosen_families
from sif.cli.progress import bar


def attacks(
    out: Annotated[
        Path, typer.Option(help="New, or the folder of an earlier `sif bench triggers`.")
    ],
    families: Annotated[
        str, typer.Option(help="Of the mini models, with commas between them.")
    ] = ",".join(FAMILIES),
    attack: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:STRENGTH]",
            help="One of the grid, at all its strengths or at one; give it again for more. Without "
            "any, everything; a wrong one names those that there are.",
        ),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help="All of weights, images, answers, divergence or chains; again for more.",
        ),
    ] = None,
    method: Annotated[
        str, typer.Option(help="A recipe with green lists, as in `sif bench triggers`.")
    ] = "sif",
    number: Annotated[int, typer.Option("-n", "--number", min=2, help="Triggers of a set.")] = 24,
    sets: Annotated[int, typer.Option(min=1, help="Sets of keys.")] = 2,
    scenes: Annotated[
        int, typer.Option(min=2, help="Ordinary questions that tell what an attack costs.")
    ] = 32,
    jobs: Annotated[
        int,
        typer.Option(
            "-j", "--jobs", min=1, help="Processes side by side, of one thread each if more than 1."
        ),
    ] = 1,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="LLaVA, each attack at one strength, 8 triggers, 16 questions: minutes.",
        ),
    ] = False,
) -> None:
    """Attacks a source in every way, at growing strength, and asks it about triggers and scenes.

    Weights (worn, tuned, merged, transplanted), pictures, answers and serving, a benign model
    beside the stolen one (divergence), and several at once (chains). Triggers show what evidence
    is left; ordinary questions about unseen scenes show what the thief pays. Innocents go through
    the strongest attacks as a control. Prints a row for each attack, its strengths side
    by side, and writes into --out attacks.md (all figures), attacks.parquet (a row for
    each answer), attacks-lines.parquet (a row for each attack), and a picture for each family.
    Started again with the same settings it goes on where it stopped.

    Example: `sif bench attacks --out bench --quick`
    Example: `sif bench attacks --out bench --attack jpeg --attack lora-same:60 --jobs 2`
    """
    from sif.eval.attacks.bench import LINES, ROWS, AttackBench, run_attacks
    from sif.eval.attacks.compact import as_short_markdown
    from sif.eval.attacks.grid import chosen_attacks, middling
    from sif.eval.attacks.picture import write_pictures
    from sif.eval.attacks.table import as_markdown
    from sif.files import write_atomically

    wanted = chosen_families(families)
    grid = chosen_attacks(attack or (), kind or ())
    bench = AttackBench(
        out=out,
        attacks=middling(grid) if quick else grid,
        families=("llava",) if quick else wanted,  # type: ignore[arg-type]  # checked above
        method=method,
        triggers=8 if quick else number,
        sets=1 if quick else sets,
        scenes=16 if quick else scenes,
        jobs=jobs,
    )
    with bar() as show:
        found = run_attacks(bench, show=show)
    short = as_short_markdown(found.lines)
    write_atomically(out / "attacks.md", f"{as_markdown(found.lines)}\n{short}")
    pictures = write_pictures(out, found.lines)
    typer.echo(short)
    typer.echo(f"{out}: attacks.md, {ROWS}, {LINES}, {', '.join(path.name for path in pictures)}")
