"""The benchmark of eliciting: copies that answer in one word, asked about triggers in many ways.

1. Every method makes its triggers on the source, or finds those of an earlier benchmark. 2. The
source describes a spare picture; that is the example. 3. The source, its short-spoken copies and
an innocent answer every trigger in every way. 4. Rows. Everything is kept and found again.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sif.errors import UsageError
from sif.eval.elicit.eliciting import Eliciting, spare_description
from sif.eval.jobs import Show
from sif.eval.rows import write_rows
from sif.eval.triggers.asking import model_folder
from sif.eval.triggers.baseline import is_baseline
from sif.eval.triggers.making import Making
from sif.eval.triggers.method import Method, parse_methods
from sif.eval.triggers.results import Elicited
from sif.eval.triggers.roster import roster
from sif.eval.triggers.triggers import MARK
from sif.files import claim_folder
from sif.mini.architecture import Family

ROWS: Final = "elicit.parquet"
SUSPECTS: Final = ("source", "lora-questions", "full-questions", "sibling")


@dataclass(frozen=True, slots=True, kw_only=True)
class ElicitBench:
    """What a benchmark does.

    Attributes:
        out: a new folder, or that of an earlier benchmark with triggers of the same settings.
        families: of the mini models.
        methods: recipes with green lists, as `sif.eval.triggers.method` reads them.
        triggers: for each method, family and seed.
        seeds: of the keys.
        suspects: names in the roster.
        batch_size: triggers optimised together.
    """

    out: Path
    families: tuple[Family, ...] = ("llava", "qwen2_5_vl")
    methods: tuple[str, ...] = ("sif",)
    triggers: int = 24
    seeds: tuple[int, ...] = (0,)
    suspects: tuple[str, ...] = SUSPECTS
    batch_size: int = 12


def run_elicit(bench: ElicitBench, *, show: Show) -> list[Elicited]:
    """Runs a benchmark, or goes on with an interrupted one; writes its rows as Parquet.

    Args:
        bench: what to do.
        show: is told of progress: stage, done, total, a few words.

    Raises:
        UsageError: unknown methods, methods without green lists, or nothing to do.
        FingerprintError: the folder holds triggers that were made with other settings.
        StorageError: the folder holds something else, or the disk refuses.
        ModelError: the bundled weights are missing.
        SuspectError: the source describes nothing.
    """
    if not (bench.families and bench.seeds):
        raise UsageError("expected at least one family and one seed, got none of one")
    methods = parse_methods(bench.methods)
    for method in methods:
        if is_baseline(method.recipe):
            raise UsageError(
                f"expected methods with green lists, whose answers can be counted, got "
                f"{method.name}; sif is one"
            )
    claim_folder(bench.out, mark=MARK, words="Written by `sif bench`; run it again to go on.\n")
    rows = [row for family in bench.families for row in _run_family(bench, family, methods, show)]
    write_rows(bench.out / ROWS, rows)
    return rows


def _run_family(
    bench: ElicitBench, family: Family, methods: tuple[Method, ...], show: Show
) -> list[Elicited]:
    source = model_folder(bench.out / family / "models", roster(family)[0], show)
    makings = tuple(
        Making(
            out=bench.out,
            source=source,
            family=family,
            method=method,
            seed=seed,
            count=bench.triggers,
            batch_size=bench.batch_size,
            jobs=1,
        )
        for method in methods
        for seed in bench.seeds
    )
    for making in makings:
        making.run(show)
    example = spare_description(makings[0], show)
    parts = [
        Eliciting(out=bench.out, family=family, suspect=suspect, makings=makings, example=example)
        for suspect in bench.suspects
    ]
    return [row for part in parts for row in part.run(show)]
