"""The benchmark of attacks: everything that a thief does, at growing strength, and what it costs.

1. The method makes its triggers on each source, once for each set of keys. 2. A panel of innocents
answers them under every attack on pictures, for thresholds and transfer allowances. 3. The source
under every attack of the grid answers triggers and ordinary questions; two other innocents answer
triggers under the strongest attacks on pictures and answers, as a control. 4. Rows and lines.
Everything is kept in the folder and found again. Prints nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from sif.errors import UsageError
from sif.eval.attacks.attack import Attack
from sif.eval.attacks.grid import PLAIN, strongest
from sif.eval.attacks.lines import lines_of
from sif.eval.attacks.rows import AttackCell, AttackLine
from sif.eval.attacks.trying import Trying
from sif.eval.jobs import Show, workers
from sif.eval.rows import write_rows
from sif.eval.triggers.asking import Asking, model_folder
from sif.eval.triggers.baseline import is_baseline
from sif.eval.triggers.making import Making
from sif.eval.triggers.method import Method, parse_methods
from sif.eval.triggers.roster import chosen, roster
from sif.eval.triggers.triggers import MARK
from sif.files import claim_folder
from sif.mini.architecture import Family

ROWS: Final = "attacks.parquet"
LINES: Final = "attacks-lines.parquet"
PANEL: Final = ("sibling", "sibling-b", "stranger-a")
CONTROLS: Final = ("sibling-c", "stranger-b")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackBench:
    """What a benchmark does.

    Attributes:
        out: a new folder, or an earlier benchmark's with triggers of the same settings.
        attacks: of the grid; the plain source is always asked as well.
        families: of the mini models.
        method: a recipe with green lists.
        triggers: of each set.
        sets: of keys.
        scenes: ordinary questions to each attacked suspect.
        jobs: processes that work side by side, one thread each; 1 for this one with all threads.
    """

    out: Path
    attacks: tuple[Attack, ...]
    families: tuple[Family, ...] = ("llava", "qwen2_5_vl")
    method: str = "sif"
    triggers: int = 24
    sets: int = 2
    scenes: int = 32
    jobs: int = 1


class Attacked(NamedTuple):
    """What a benchmark found: a row for each answer, a line for each attack."""

    cells: list[AttackCell]
    lines: list[AttackLine]


def run_attacks(bench: AttackBench, *, show: Show) -> Attacked:
    """Runs a benchmark, or goes on with an interrupted one; writes its rows as Parquet.

    Args:
        bench: what to do.
        show: is told of progress: stage, done, total, a few words.

    Raises:
        UsageError: an unknown method, one without green lists, or nothing to do.
        FingerprintError: the folder holds triggers that were made with other settings.
        StorageError: the folder holds something else, or the disk refuses.
        ModelError: the bundled weights are missing.
        SifError: a process of the pool was killed.
    """
    if not (bench.attacks and bench.families and bench.sets > 0 and bench.jobs > 0):
        raise UsageError("expected at least one attack, family, set and job, got none of one")
    (method,) = parse_methods((bench.method,))
    if is_baseline(method.recipe):
        raise UsageError(f"expected a method with green lists, got {method.name}; sif is one")
    claim_folder(bench.out, mark=MARK, words="Written by `sif bench`; run it again to go on.\n")
    attacks = (PLAIN, *bench.attacks)
    makings = {family: _makings(bench, family, method, show) for family in bench.families}
    panels = [one for family in bench.families for one in _panel(bench, makings[family], family)]
    tryings = [one for family in bench.families for one in _tryings(bench, makings[family], family)]
    with workers(bench.jobs, show) as some:
        some.run([making for those in makings.values() for making in those])
        panel = [cell for part in some.run(panels) for cell in part]
        tried = some.run(tryings)
    cells = [cell for part in tried for cell in part.cells]
    prices = [part.price for part in tried if part.price is not None]
    found = Attacked(cells, lines_of(attacks, cells, panel, prices))
    write_rows(bench.out / ROWS, found.cells)
    write_rows(bench.out / LINES, found.lines)
    return found


def _makings(bench: AttackBench, family: Family, method: Method, show: Show) -> tuple[Making, ...]:
    """The triggers; models that several parts need are there afterwards."""
    models = bench.out / family / "models"
    for entry in chosen(family, (*PANEL, *CONTROLS)):
        model_folder(models, entry, show)
    source = model_folder(models, roster(family)[0], show)
    return tuple(
        Making(
            out=bench.out,
            source=source,
            family=family,
            method=method,
            seed=seed,
            count=bench.triggers,
            batch_size=12,
            jobs=bench.jobs,
        )
        for seed in range(bench.sets)
    )


def _panel(bench: AttackBench, makings: tuple[Making, ...], family: Family) -> list[Asking]:
    images = tuple(dict.fromkeys(attack.image for attack in (PLAIN, *bench.attacks)))
    return [
        Asking(out=bench.out, family=family, suspect=name, makings=makings, image_attacks=images)
        for name in PANEL
    ]


def _tryings(bench: AttackBench, makings: tuple[Making, ...], family: Family) -> list[Trying]:
    plan: list[tuple[str, Attack]] = [("source", one) for one in (PLAIN, *bench.attacks)]
    plan += [(name, one) for name in CONTROLS for one in (PLAIN, *_controlled(bench.attacks))]
    return [
        Trying(
            out=bench.out,
            family=family,
            attack=attack,
            victim=victim,
            makings=makings,
            scenes=bench.scenes,
            place=place,
            parts=len(plan),
        )
        for place, (victim, attack) in enumerate(plan)
    ]


def _controlled(attacks: Sequence[Attack]) -> tuple[Attack, ...]:
    """What innocents go through: whatever needs no theft, at its strongest."""
    return tuple(one for one in strongest(attacks) if one.kind in ("images", "answers"))
