"""One part of a benchmark's work: the triggers of one method, family and seed, and what they cost.

Kept in a folder and found again; an interrupted making goes on. Knows nothing of suspects.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from pydantic import ValidationError

from sif import prompts
from sif.errors import StorageError
from sif.eval.jobs import Show
from sif.eval.triggers.baseline import batch_limit, is_baseline, make_baseline
from sif.eval.triggers.meter import Meter, metered, peak_bytes
from sif.eval.triggers.method import Method
from sif.eval.triggers.results import Cost
from sif.eval.triggers.roster import roster
from sif.eval.triggers.targets import PAIRS
from sif.eval.triggers.trigger_set import TriggerSet, load_set
from sif.files import write_atomically
from sif.fingerprint.images import NamedImage
from sif.fingerprint.make import MakingProgress, make_fingerprint
from sif.mini.architecture import Family
from sif.mini.data import Sample, samples
from sif.vlm.model import Vlm
from sif.watermark.keys import KeyRing

SCENES: Final = 1
PICTURES: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """The triggers of one method, family and seed of keys.

    Attributes:
        out: the benchmark's folder.
        source: the model's folder.
        count: number of triggers.
        batch_size: triggers optimised together, where the method allows it.
        jobs: processes that work side by side.
    """

    out: Path
    source: Path
    family: Family
    method: Method
    seed: int
    count: int
    batch_size: int
    jobs: int

    @property
    def name(self) -> str:
        """Of the folder and in the progress."""
        return f"{self.method.name}-{self.seed}"

    @property
    def folder(self) -> Path:
        """Of the triggers."""
        kind = "baselines" if is_baseline(self.method.recipe) else "fingerprints"
        return self.out / self.family / kind / self.name

    @property
    def batch(self) -> int:
        """Triggers that are optimised together."""
        limit = batch_limit(self.method.recipe) or self.batch_size
        return min(self.batch_size, self.count, limit)

    def scenes(self) -> dict[str, Sample]:
        """Pictures by their names: base images, and others to learn what pictures hold."""
        world = roster(self.family)[0].model.world
        drawn = samples(world, number=PICTURES + self.count, seed=SCENES + self.seed)
        return {f"scene {index}": sample for index, sample in enumerate(drawn)}

    def run(self, show: Show) -> Cost:
        """Makes what is missing.

        Raises:
            FingerprintError: a fingerprint's folder was begun with other settings.
            StorageError: a baseline's was, or the disk refuses.
        """
        vlm = Vlm.load(self.source)
        interrupted, record = self.folder.exists(), self.folder.parent / f"{self.name}.json"
        with metered(vlm) as meter:
            self._make(vlm, show)
        if not record.exists():
            cost = self._cost(vlm, None if interrupted else meter)
            write_atomically(record, cost.model_dump_json(indent=2))
        return _read_cost(record)

    def load(self) -> TriggerSet:
        """What was made."""
        return load_set(self.folder, baseline=is_baseline(self.method.recipe))

    def _make(self, vlm: Vlm, show: Show) -> None:
        def report(progress: MakingProgress) -> None:
            words = f"attempt {progress.attempt}, loss {progress.loss:.2f}"
            done = progress.done + progress.part
            show(f"{self.family}: {self.name}", done, progress.count, words)

        images = [NamedImage(name=name, image=s.image) for name, s in self.scenes().items()]
        if is_baseline(self.method.recipe):
            make_baseline(
                vlm,
                images[: self.count],
                recipe=self.method.recipe,
                out=self.folder,
                pairs=PAIRS,
                seed=self.seed,
                batch_size=self.batch,
                report=report,
            )
        else:
            make_fingerprint(
                vlm,
                images,
                recipe=self.method.recipe,
                out=self.folder,
                prompts=prompts.load(),
                count=self.count,
                keys=KeyRing(hashlib.sha256(f"benchmark {self.seed}".encode()).digest()),
                seed=self.seed,
                batch_size=self.batch,
                report=report,
            )

    def _cost(self, vlm: Vlm, meter: Meter | None) -> Cost:
        return Cost(
            family=self.family,
            method=self.method.name,
            seed=self.seed,
            triggers=self.count,
            seconds=None if meter is None else meter.seconds / self.count,
            gradient_passes=None if meter is None else meter.gradient_passes,
            decoding_passes=None if meter is None else meter.decoding_passes,
            forward_seconds=None if meter is None else meter.forward_seconds / self.count,
            backward_seconds=None if meter is None else meter.backward_seconds / self.count,
            decoding_seconds=None if meter is None else meter.decoding_seconds / self.count,
            peak_bytes=peak_bytes(vlm.device),
            device=vlm.device.type,
            threads=torch.get_num_threads(),
            jobs=self.jobs,
            batch_size=self.batch,
            weak=self.load().weak,
        )


def load_all(makings: Sequence[Making]) -> list[tuple[Making, TriggerSet]]:
    """What was made in several makings."""
    return [(making, making.load()) for making in makings]


def _read_cost(path: Path) -> Cost:
    try:
        return Cost.model_validate_json(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValidationError) as error:
        raise StorageError(
            f"expected a record of cost of version 2 in {path}, got something else; use a new "
            "folder"
        ) from error
