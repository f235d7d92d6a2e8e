"""`sif bench claims`: how long the audit of a large bundle takes."""

from typing import Annotated

import typer


def claims(
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="Triggers.")] = 1000,
    vocabulary: Annotated[int, typer.Option(min=1000, help="Ids of the tokenizer.")] = 32_000,
) -> None:
    """Makes up a fingerprint and a run, and times the audit of their bundle, step by step.

    Takes no model and about a minute, most of it to make the bundle up.

    Example: `OMP_NUM_THREADS=1 sif bench claims`
    """
    import tempfile
    from pathlib import Path

    from sif.eval.claims import ClaimsBench, as_text, time_audit

    bench = ClaimsBench(triggers=number, vocabulary_size=vocabulary)
    with tempfile.TemporaryDirectory() as folder:
        typer.echo(as_text(bench, time_audit(bench, Path(folder))))
