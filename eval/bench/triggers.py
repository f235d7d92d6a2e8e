"""The benchmark of triggers: methods × suspects × attacks on images, on the mini families.

1. Every method makes its triggers on the source, once for each seed of keys. 2. Thefts of the
source. 3. Every suspect answers every trigger under every attack on images. 4. Rows of counts.
Everything is kept in the folder and found again. Prints nothing; `sif.eval.bench.summary` tells
what the rows mean.
"""

import hashlib
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from sif import prompts
from sif.attacks.images import AttackedSuspect, Nothing, parse_image_attack
from sif.attacks.weights.attack import Progress
from sif.attacks.weights.theft import steal
from sif.errors import UsageError
from sif.eval.bench.results import Cell, Cost, write_rows
from sif.eval.bench.roster import Entry, chosen, roster
from sif.eval.zoo.architecture import Family
from sif.eval.zoo.data import samples
from sif.eval.zoo.folders import export
from sif.files import claim_folder, write_atomically
from sif.fingerprint.folder import FingerprintSet, Trigger
from sif.fingerprint.make import MakingProgress, NamedImage, make_fingerprint
from sif.recipe import load_recipe
from sif.suspects.connect import connect
from sif.suspects.journal import Journal
from sif.suspects.journalled import Journalled
from sif.types import Answer, Reply, Suspect
from sif.vlm.model import Vlm
from sif.watermark.greenlist.keys import KeyRing

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
SCENES: Final = 1
Show = Callable[[str, float, float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerBench:
    """What a benchmark does.

    Attributes:
        out: a new folder, or an earlier benchmark's with the same settings.
        families: of the mini models.
        methods: recipes, by name or file.
        triggers: for each method, family and seed.
        seeds: of the keys.
        suspects: names in the roster; everybody where None.
        image_attacks: in their text form.
        steps: of the optimisation, instead of the recipes'.
        batch_size: triggers optimised together.
    """

    out: Path
    families: tuple[Family, ...] = ("llava", "qwen2_5_vl")
    methods: tuple[str, ...] = ("sif", "sif-release")
    triggers: int = 24
    seeds: tuple[int, ...] = (0, 1, 2)
    suspects: tuple[str, ...] | None = None
    image_attacks: tuple[str, ...] = IMAGE_ATTACKS
    steps: int | None = None
    batch_size: int = 12


@dataclass(frozen=True, slots=True)
class _Made:
    fingerprint: FingerprintSet
    cost: Cost


def run_bench(bench: TriggerBench, *, show: Show) -> tuple[list[Cell], list[Cost]]:
    """Runs a benchmark, or goes on with an interrupted one; writes cells and costs as Parquet.

    Args:
        bench: what to do.
        show: is told of progress: stage, done, total, a few words.

    Raises:
        UsageError: unknown methods, suspects or attacks.
        StorageError: the folder holds something else, or the disk refuses.
        ModelError: the bundled weights are missing.
    """
    if not (bench.methods and bench.families and bench.image_attacks):
        raise UsageError("expected at least one method, family and image attack, got none of one")
    for text in bench.image_attacks:
        parse_image_attack(text)
    for method in bench.methods:
        load_recipe(method)
    asked = {family: chosen(family, bench.suspects) for family in bench.families}
    claim_folder(bench.out, mark=MARK, words="Written by `sif bench`; run it again to go on.\n")
    cells: list[Cell] = []
    costs: list[Cost] = []
    for family, entries in asked.items():
        rooms = bench.out / family
        source = _model(rooms / "models", roster(family)[0], show)
        vlm = Vlm.load(source)
        made = [
            _make(bench, family, vlm, method, seed, show)
            for method in bench.methods
            for seed in bench.seeds
        ]
        costs += [one.cost for one in made]
        del vlm
        for entry in entries:
            folder = _model(rooms / "models", entry, show)
            with closing(connect(f"hf:{folder}")) as suspect:
                cells += _ask(bench, entry, suspect, made, rooms / "answers", show)
    write_rows(bench.out / "cells.parquet", cells)
    write_rows(bench.out / "costs.parquet", costs)
    return cells, costs


def _model(models: Path, entry: Entry, show: Show) -> Path:
    """The folder of a suspect, made where it is missing."""
    plain, folder = models / entry.model.name, models / entry.name
    if not plain.exists():
        export(entry.model, plain)
    if entry.theft is None:
        return plain
    if not folder.exists():

        def report(progress: Progress) -> None:
            show(f"stealing {entry.name}", progress.step, progress.steps, progress.stage)

        for needed in entry.needs:
            _model(models, needed, show)
        steal(plain, folder, entry.theft(models), report=report)
    return folder


def _make(
    bench: TriggerBench, family: Family, vlm: Vlm, method: str, seed: int, show: Show
) -> _Made:
    """The triggers of one method and seed, and what they cost."""
    name = f"{Path(method).stem}-{seed}"
    out, record = bench.out / family / "fingerprints" / name, bench.out / family / f"{name}.json"
    world = roster(family)[0].model.world
    scenes = samples(world, number=bench.triggers * 3 // 2, seed=SCENES + seed)

    def report(progress: MakingProgress) -> None:
        words = f"attempt {progress.attempt}, loss {progress.loss:.2f}"
        show(f"{family}: {name}", progress.done + progress.part, progress.count, words)

    interrupted = out.exists()
    with metered(vlm) as meter:
        fingerprint = make_fingerprint(
            vlm,
            [NamedImage(name=f"scene {i}", image=s.image) for i, s in enumerate(scenes)],
            recipe=load_recipe(method, **({"steps": bench.steps} if bench.steps else {})),
            out=out,
            prompts=prompts.load(),
            count=bench.triggers,
            keys=KeyRing(hashlib.sha256(f"benchmark {seed}".encode()).digest()),
            seed=seed,
            batch_size=bench.batch_size,
            report=report,
        )
    if not record.exists():
        cost = Cost(
            family=family,
            method=method,
            seed=seed,
            triggers=bench.triggers,
            seconds=None if interrupted else meter.seconds / bench.triggers,
            gradient_passes=None if interrupted else meter.gradient_passes,
            decoding_passes=None if interrupted else meter.decoding_passes,
            peak_bytes=_peak_bytes(vlm.device),
            device=vlm.device.type,
            weak=sum(trigger.record.quality.weak for trigger in fingerprint.triggers),
        )
        write_atomically(record, cost.model_dump_json(indent=2))
    return _Made(fingerprint, Cost.model_validate_json(record.read_text(encoding="utf-8")))


@dataclass(slots=True)
class Meter:
    """Time and passes of a model: those with a gradient to follow, and those that only decode."""

    seconds: float = 0.0
    gradient_passes: int = 0
    decoding_passes: int = 0


@contextmanager
def metered(vlm: Vlm) -> Iterator[Meter]:
    """Counts what a model does within."""
    meter, began = Meter(), time.perf_counter()

    def count(_module: Any, _inputs: Any, _output: Any) -> None:
        if torch.is_grad_enabled():
            meter.gradient_passes += 1
        else:
            meter.decoding_passes += 1

    handle = vlm.model.register_forward_hook(count)
    try:
        yield meter
    finally:
        handle.remove()
        meter.seconds = time.perf_counter() - began


def _peak_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _ask(
    bench: TriggerBench,
    entry: Entry,
    suspect: Suspect,
    made: Sequence[_Made],
    answers: Path,
    show: Show,
) -> list[Cell]:
    """One suspect's answers to all triggers under all attacks, as counts."""
    answers.mkdir(parents=True, exist_ok=True)
    cells: list[Cell] = []
    rounds = [(one, text) for one in made for text in bench.image_attacks]
    with Journal(answers / f"{entry.name}.sqlite") as journal:
        for number, (one, text) in enumerate(rounds):
            show(f"{one.cost.family}: asking {entry.name}", number, len(rounds), text)
            attack = parse_image_attack(text)
            seen = suspect if attack == Nothing() else AttackedSuspect(suspect, attack)
            kept = Journalled(seen, journal, name=f"{entry.name} ({text})")
            triggers = one.fingerprint.triggers
            replies = kept.ask([trigger.query() for trigger in triggers])
            cells += [
                _cell(entry, one, text, trigger, reply)
                for trigger, reply in zip(triggers, replies, strict=True)
            ]
    show(f"{made[0].cost.family}: asking {entry.name}", len(rounds), len(rounds), "")
    return cells


def _cell(entry: Entry, one: _Made, text: str, trigger: Trigger, reply: Reply) -> Cell:
    name, fingerprint = trigger.record.id, one.fingerprint
    count = fingerprint.count(name, [reply.text]) if isinstance(reply, Answer) else None
    return Cell(
        family=one.cost.family,
        method=one.cost.method,
        seed=one.cost.seed,
        suspect=entry.name,
        role=entry.role,
        split=entry.split,
        image_attack=text,
        trigger=name,
        green=None if count is None else count.green,
        scored=None if count is None else count.scored,
        vocabulary_size=fingerprint.vocabulary_size,
        green_size=fingerprint.green_size,
    )
