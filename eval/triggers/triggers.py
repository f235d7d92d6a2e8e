"""The benchmark of triggers: methods × suspects × attacks on images, on the mini families.

1. Every method makes its triggers on the source, once for each seed. 2. Every suspect, stolen where
it is a copy, answers every trigger under every attack on images. 3. The source answers the base
images as well. 4. Rows. Everything is kept in the folder and found again. Prints nothing;
`sif.eval.triggers.summary` tells what the rows mean.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sif.attacks.images import parse_image_attack
from sif.errors import UsageError
from sif.eval.jobs import Show, workers
from sif.eval.rows import write_rows
from sif.eval.triggers.asking import Asking, model_folder
from sif.eval.triggers.making import Making
from sif.eval.triggers.method import parse_methods
from sif.eval.triggers.portraying import Portraying
from sif.eval.triggers.results import Rows
from sif.eval.triggers.roster import chosen, roster
from sif.files import claim_folder
from sif.mini.architecture import Family
from sif.mini.folders import export

MARK: Final = "bench.txt"
IMAGE_ATTACKS: Final = (
    "none",
    "jpeg:90",
    "jpeg:75",
    "jpeg:50",
    "resize:0.5",
    "resize:0.75",
    "noise:4",
    "blur:0.7",
    "crop:0.05",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerBench:
    """What a benchmark does.

    Attributes:
        out: a new folder, or an earlier benchmark's with the same settings.
        families: of the mini models.
        methods: recipes by name or file, with changes, as `sif.eval.triggers.method` reads them.
        triggers: for each method, family and seed.
        seeds: of the keys.
        suspects: names in the roster; everybody where None.
        image_attacks: in their text form.
        steps: of the optimisation, instead of the recipes'.
        epsilon: largest change in units of 1/255, instead of the recipes'.
        batch_size: triggers optimised together.
        jobs: processes that work side by side, one thread each; 1 for this one with all threads.
    """

    out: Path
    families: tuple[Family, ...] = ("llava", "qwen2_5_vl")
    methods: tuple[str, ...] = ("sif", "sif-release")
    triggers: int = 24
    seeds: tuple[int, ...] = (0, 1, 2)
    suspects: tuple[str, ...] | None = None
    image_attacks: tuple[str, ...] = IMAGE_ATTACKS
    steps: int | None = None
    epsilon: float | None = None
    batch_size: int = 12
    jobs: int = 1


def run_bench(bench: TriggerBench, *, show: Show) -> Rows:
    """Runs a benchmark, or goes on with an interrupted one; writes its rows as Parquet.

    Args:
        bench: what to do.
        show: is told of progress: stage, done, total, a few words.

    Raises:
        UsageError: unknown methods, suspects or attacks.
        FingerprintError: the folder was begun with other settings.
        StorageError: it was, it holds something else, or the disk refuses.
        ModelError: the bundled weights are missing.
        SifError: a process of the pool was killed.
    """
    if not (bench.families and bench.image_attacks and bench.seeds):
        raise UsageError("expected at least one family, image attack and seed, got none of one")
    if bench.jobs < 1:
        raise UsageError(f"expected at least 1 job, got {bench.jobs}")
    for text in bench.image_attacks:
        parse_image_attack(text)
    methods = parse_methods(bench.methods, steps=bench.steps, epsilon=bench.epsilon)
    asked = {family: chosen(family, bench.suspects) for family in bench.families}
    claim_folder(bench.out, mark=MARK, words="Written by `sif bench`; run it again to go on.\n")
    makings: dict[Family, tuple[Making, ...]] = {}
    for family, entries in asked.items():
        models = bench.out / family / "models"
        source = model_folder(models, roster(family)[0], show)
        for entry in entries:  # now, so that no two processes export one model
            if not (models / entry.model.name).exists():
                export(entry.model, models / entry.model.name)
        makings[family] = tuple(
            Making(
                out=bench.out,
                source=source,
                family=family,
                method=method,
                seed=seed,
                count=bench.triggers,
                batch_size=bench.batch_size,
                jobs=bench.jobs,
            )
            for method in methods
            for seed in bench.seeds
        )
    askings = [
        Asking(
            out=bench.out,
            family=family,
            suspect=entry.name,
            makings=makings[family],
            image_attacks=bench.image_attacks,
        )
        for family, entries in asked.items()
        for entry in entries
    ]
    portrayings = [
        Portraying(out=bench.out, family=family, makings=those) for family, those in makings.items()
    ]
    with workers(bench.jobs, show) as some:
        costs = some.run([making for those in makings.values() for making in those])
        cells = [cell for part in some.run(askings) for cell in part]
        portraits = [portrait for part in some.run(portrayings) for portrait in part]
    rows = Rows(cells, costs, portraits)
    for name, values in rows._asdict().items():
        write_rows(bench.out / f"{name}.parquet", values)
    return rows
