"""`sif bench STUDY`: the studies of the laboratory, all through one contract."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer

from sif.cli import options
from sif.cli.progress import bar
from sif.cli.say import Cell, say, say_table, say_text
from sif.cli.workforce import shard_of, workforce

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sif.eval.study import Requirement, Settings, Study
    from sif.scale.shard import Shard
    from sif.scale.workforce import Workforce

# What stood where until studies had one contract.
MOVED: Final = {
    "roster": "sif bench triggers --out DIR --set roster=llava-1.5-7b --set images=DIR",
    "answers": "sif bench attacks --out DIR --set kind=answers",
    "claims": "python tools/time_audit.py",
}
COLOURS: Final = {"ready": "green", "download": "yellow", "set aside": "cyan", "missing": "red"}

app = typer.Typer(
    no_args_is_help=True,
    help="Studies: methods compared on the bundled mini models, or on real ones, with cost. "
    "All work alike: --set changes a setting, --settings lists them, and the same command goes on "
    "after an interruption. Writes summary.md, plots, and rows as Parquet into --out.",
)

Out = Annotated[
    Path | None, typer.Option(help="Folder for what is made and found; goes on where it stopped.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting; lists with commas."),
]
Quick = Annotated[bool, typer.Option("--quick", help="Few of everything, to see how it goes.")]
ListSettings = Annotated[
    bool, typer.Option("--settings", help="Only list what --set takes, with defaults.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only say what is here, what is missing, what it costs.")
]
# What is no option: taken to be explained, and in the usage line what should stand there instead.
Others = Annotated[list[str] | None, typer.Argument(metavar="--set KEY=VALUE", hidden=True)]
OWN: Final = ("--out", "--set", "--quick", "--jobs", "--ray", "--shard", "--settings", "--dry-run")


def _command(name: str) -> Callable[..., None]:
    def study(
        out: Out = None,
        settings: Set = None,
        quick: Quick = False,
        jobs: options.Jobs = None,
        ray: options.Ray = None,
        threads: options.Threads = None,
        worker_cpus: options.WorkerCpus = 1.0,
        worker_gpus: options.WorkerGpus = None,
        worker_memory: options.WorkerMemory = None,
        shard: options.Shard = None,
        list_settings: ListSettings = False,
        dry_run: DryRun = False,
        others: Others = None,
    ) -> None:
        from sif.errors import UsageError
        from sif.eval.studies import STUDIES, find_study
        from sif.eval.study import read_settings

        found, typed = find_study(name), settings or []
        if others:
            typed = [*typed, *_spelled(name, others, [*found.settings.model_fields])]
        if list_settings:
            _list_settings(name)
            return
        chosen = read_settings(found, typed, quick=quick)
        if dry_run:
            _show(found.requirements(chosen) if found.requirements else [])
            return
        if out is None and not STUDIES[name].spelled:
            raise UsageError(f"expected a folder for the findings; sif bench {name} --out DIR")
        force = workforce(jobs, ray, threads, worker_cpus, worker_gpus, worker_memory)
        _run(found, chosen, out, force, shard_of(shard))

    return study


def _run(
    study: "Study[Any]",
    chosen: "Settings",
    out: Path | None,
    force: "Workforce",
    share: "Shard | None",
) -> None:
    """Runs a study, or a share of it, and shows what was found so far."""
    from sif.eval.sharded import run_share
    from sif.eval.study import DETAILS, Workplace, run_study
    from sif.scratch import scratch

    with scratch("bench") if out is None else nullcontext(out) as folder:
        with bar() as show:
            place = Workplace(out=folder, show=show, workforce=force)
            if share is None:
                files = run_study(study, chosen, place)
            else:
                files, words = run_share(study, chosen, place, share)
        if share is not None:
            say(words)
        if files:
            say_text(files[0].read_text(encoding="utf-8").partition(DETAILS)[0])
    if out is not None and files:
        say(f"{out}: {', '.join(path.name for path in files)}")


def _spelled(name: str, typed: list[str], keys: list[str]) -> list[str]:
    """Settings that were typed as options, as --set takes them, of a study that has them so."""
    from sif.eval.studies import STUDIES

    rest, found = list(typed), list[str]()
    while rest:
        option, equals, value = rest[0].partition("=")
        key = option.removeprefix("--").replace("-", "_")
        value = value if equals else "".join(rest[1:2])
        ours = STUDIES[name].spelled and option.startswith("--") and key in keys
        if not ours or (not equals and (not value or value.startswith("--"))):
            _refuse(name, rest, keys)
        found.append(f"{key}={value}")
        rest = rest[1 if equals else 2 :]
    return found


def _refuse(name: str, typed: list[str], keys: list[str]) -> NoReturn:
    """Says how to write what was typed as an option of a study, which has settings instead."""
    from difflib import get_close_matches

    from sif.errors import UsageError

    first, *rest = typed
    option, equals, value = first.partition("=")
    if not first.startswith("-"):
        mend = f"--set {first}" if equals else "--set key=value, or commas inside a list"
        raise UsageError(f"sif bench {name} takes no {first[:80]!r} on its own; write {mend}")
    key = option.lstrip("-").replace("-", "_")
    if option == "-n" and "triggers" in keys:
        key = "triggers"
    as_settings = {f"--{key}": f"--set {key}=…" for key in keys}
    near = get_close_matches(f"--{key}", [*as_settings, *OWN], n=1) if len(key) > 1 else []
    if key in keys:
        value = value or (rest[0] if rest and not rest[0].startswith("-") else "…")
        mend = f"write --set {key}={value[:80]}"
    elif near:
        mend = f"write {as_settings.get(near[0], near[0])}"
    else:
        mend = f"what --set takes instead is in sif bench {name} --settings"
    raise UsageError(f"sif bench {name} has no {option[:80]}; {mend}")


def _list_settings(name: str) -> None:
    from sif.eval.studies import find_study
    from sif.eval.study import settings_of

    heads = ("--set", "default", "--quick", "what it is")
    say_table(heads, settings_of(find_study(name)), boxed=False)


def _show(found: "Sequence[Requirement]") -> None:
    """Prints what is here and what is not; leaves with 1 if more than downloads is missing."""
    rows = [
        (
            Cell(one.state, COLOURS.get(one.state, "")),
            one.what,
            "" if one.memory is None else f"{one.memory / 2**30:.1f} GiB",
            "" if one.download_gb is None else f"{one.download_gb:.1f} GB",
            one.words,
        )
        for one in found
    ]
    say_table(("", "what", "weights ≥", "download ≈", "found"), rows, boxed=False)
    missing = [one.what for one in found if one.state == "missing"]
    say(f"missing: {', '.join(missing)}" if missing else "nothing is missing")
    if missing:
        raise typer.Exit(1)


def _moved(name: str) -> Callable[..., None]:
    def elsewhere() -> None:
        from sif.errors import UsageError

        raise UsageError(f"sif bench {name} is now: {MOVED[name]}")

    return elsewhere


def _register() -> None:
    from sif.eval.studies import STUDIES

    unknown = {"ignore_unknown_options": True}
    for name, it in STUDIES.items():
        words = f"{it.line}\n\nTakes about {it.quick} with --quick, {it.whole} without (two cores)."
        example = f"\n\nExample: `sif bench {name} --out {name} --quick`"
        example += f"\n\nExample: `sif bench {name} --out {name} --set {it.example}`"
        app.command(name, help=words + example, context_settings=unknown)(_command(name))
    anything = unknown | {"allow_extra_args": True}
    for name in MOVED:
        app.command(name, hidden=True, context_settings=anything)(_moved(name))


_register()
