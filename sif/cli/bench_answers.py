"""`sif bench answers`: what attacks on answers leave of the evidence, and what they cost."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from sif.cli.progress import bar


def answers(
    out: Annotated[
        Path, typer.Option(help="New, or the folder of an earlier `sif bench triggers`.")
    ],
    family: Annotated[
        Literal["llava", "qwen2_5_vl"], typer.Option(help="Of the mini models.")
    ] = "llava",
    number: Annotated[int, typer.Option("-n", "--number", min=2, help="Triggers.")] = 24,
    attacks: Annotated[
        list[str] | None,
        typer.Option(
            "--answer-attack",
            metavar="NAME:NUMBER|NAME:WORDS",
            help="As of `sif verify`, instead of all at two strengths; turns:0.5@NAME names a "
            "suspect of the roster. Give it again for more.",
        ),
    ] = None,
) -> None:
    """Makes triggers on the source, asks it, and attacks its answers in every way.

    Evidence is log10 of the e-value for each trigger (all words counted alike), facts the share of
    the scene's facts that the answer still states rightly. Writes answers.md and
    answers.parquet into --out. Triggers and answers that lie there already are found again, so
    started again it goes on where it stopped.

    Example: `sif bench answers --out bench`
    """
    from sif.eval.attacks.answers import ANSWER_ATTACKS, ROWS, AnswerBench, as_table, run_answers
    from sif.files import write_atomically

    wanted = tuple(attacks) if attacks else ANSWER_ATTACKS
    bench = AnswerBench(out=out, family=family, triggers=number, attacks=wanted)
    with bar() as show:
        rows = run_answers(bench, show=show)
    table = as_table(rows)
    write_atomically(out / "answers.md", table)
    typer.echo(table)
    typer.echo(f"{out}: answers.md, {ROWS}")
