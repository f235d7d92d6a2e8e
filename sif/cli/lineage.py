"""`sif lineage`: whether the weights of two models that one holds come from the same training."""

from typing import Annotated

import typer

from sif.cli import options
from sif.cli.say import Cell, say, say_json, say_table

COLOURS = {"one origin": "bold red", "unclear": "yellow", "no common origin seen": "green"}


def lineage(
    model: Annotated[str, typer.Argument(help="Folder or hub id of your model.")],
    others: Annotated[
        list[str], typer.Argument(metavar="OTHER…", help="Folders or hub ids to compare it with.")
    ],
    as_json: options.Json = False,
) -> None:
    """Compares weights that you hold, in what no rearrangement of them changes.

    For whoever has the suspect's weights: no triggers and no questions. It tells copies (tuned,
    pruned, quantised, merged, with units exchanged) from models of another training. It is a
    measure, not a proof with a bound on false claims; `sif verify` gives that.

    Example: `sif lineage ./my-llava ./their-llava`
    """
    from sif.lineage.compare import compare_folders

    found = compare_folders(model, others)
    if as_json:
        say_json("[" + ",".join(one.model_dump_json() for one in found) + "]")
        return
    terms = list(dict.fromkeys(term for one in found for part in one.parts for term in part.terms))
    rows: list[list[str | Cell]] = [
        [
            one.other,
            part.part,
            " / ".join(map(str, sorted(set(part.blocks)))),
            *(_number(part.terms.get(term)) for term in terms),
            _number(part.likeness),
            Cell(part.reason or part.reading, COLOURS.get(part.reading, "")),
            "; ".join(f"{name} {value:.2f}" for name, value in part.views.items()),
        ]
        for one in found
        for part in one.parts
    ]
    heads = ["other", "part", "blocks", *terms, "likeness", "reading", "by"]
    say_table(heads, rows, right=("blocks", *terms, "likeness"), boxed=False)
    say("1 is the same; models trained apart stand far below. No proof: see the documentation")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
