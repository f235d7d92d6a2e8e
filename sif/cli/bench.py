"""`sif bench`: methods compared on the bundled mini models."""

from pathlib import Path
from typing import Annotated

import typer

from sif.cli.bench_activemark import activemark
from sif.cli.bench_adaptive import adaptive
from sif.cli.bench_answers import answers
from sif.cli.bench_attacks import attacks
from sif.cli.bench_claims import claims
from sif.cli.bench_elicit import elicit
from sif.cli.bench_metav import metav
from sif.cli.bench_ownership import ownership
from sif.cli.bench_roster import roster
from sif.cli.bench_sharing import sharing
from sif.cli.bench_verdicts import verdicts
from sif.cli.names import FAMILIES, names
from sif.cli.names import families as chosen_families
from sif.cli.progress import bar

app = typer.Typer(
    no_args_is_help=True,
    help="Compares methods, on the bundled mini models or on real ones, with cost.",
)


@app.command()
def triggers(
    out: Annotated[Path, typer.Option(help="Folder for models, triggers, answers and tables.")],
    methods: Annotated[
        str,
        typer.Option(
            help="Recipes, by name or YAML file, with commas between them; changes to the schedule "
            "of one behind an @, such as sif@epsilon=8+steps=100."
        ),
    ] = "sif,sif-release",
    families: Annotated[
        str, typer.Option(help="Of the mini models, with commas between them.")
    ] = ",".join(FAMILIES),
    number: Annotated[
        int, typer.Option("-n", "--number", min=2, help="Triggers of a method, family and seed.")
    ] = 24,
    seeds: Annotated[int, typer.Option(min=1, help="Sets of keys for each method.")] = 3,
    suspects: Annotated[
        str | None, typer.Option(help="Some of the roster, with commas [default: everybody].")
    ] = None,
    image_attacks: Annotated[
        str | None,
        typer.Option(help="In the words of `sif verify --image-attack`, with commas between them."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Optimisation steps, instead of the recipes'.")
    ] = None,
    epsilon: Annotated[
        float | None,
        typer.Option(min=1, max=255, help="Largest change in 1/255, instead of the recipes'."),
    ] = None,
    jobs: Annotated[
        int,
        typer.Option(
            "-j", "--jobs", min=1, help="Processes side by side, of one thread each if more than 1."
        ),
    ] = 1,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="8 triggers, one seed, LLaVA, three attacks: minutes, not hours."
        ),
    ] = False,
) -> None:
    """Makes triggers by each method, asks copies and innocents under image attacks, and compares.

    Writes into --out summary.md, plots, and as Parquet cells (a row for each answer), costs and
    portraits (a row for each trigger beside its base image). Started again with the same settings
    it goes on where it stopped. Baselines (ordinary, pla, rna, cropa, difgsm) are methods too.

    Example: `sif bench triggers --out bench --quick`
    """
    from sif.eval.triggers.overview import as_overview
    from sif.eval.triggers.plots import write_plots
    from sif.eval.triggers.summary import as_table, summarise
    from sif.eval.triggers.triggers import IMAGE_ATTACKS, TriggerBench, run_bench
    from sif.files import write_atomically

    wanted = chosen_families(families)
    bench = TriggerBench(
        out=out,
        families=("llava",) if quick else wanted,  # type: ignore[arg-type]  # checked above
        methods=names(methods),
        triggers=8 if quick else number,
        seeds=(0,) if quick else tuple(range(seeds)),
        suspects=names(suspects) if suspects else None,
        image_attacks=names(image_attacks)
        if image_attacks
        else (("none", "jpeg:75", "resize:0.5") if quick else IMAGE_ATTACKS),
        steps=steps,
        epsilon=epsilon,
        jobs=jobs,
    )
    with bar() as show:
        rows = run_bench(bench, show=show)
    lines = summarise(rows.cells)
    overview = as_overview(rows)
    write_atomically(out / "summary.md", f"{overview}\n{as_table(lines)}")
    pictures = write_plots(out, lines, rows.costs)
    typer.echo(overview)
    files = ["summary.md", *(path.name for path in pictures)]
    files += [f"{name}.parquet" for name in rows._fields]
    typer.echo(f"{out}: {', '.join(files)}")


app.command()(activemark)
app.command()(adaptive)
app.command()(answers)
app.command()(attacks)
app.command()(claims)
app.command()(elicit)
app.command()(metav)
app.command()(ownership)
app.command()(roster)
app.command()(sharing)
app.command()(verdicts)
