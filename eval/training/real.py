"""Trains a real-words model: tower, adapter and manner, and keeps what its language model says.

Each stage is kept in a folder, unfinished or done, and found again. Knows nothing of where the
package keeps its weights.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from sif.eval.training.captions import Progress
from sif.eval.training.real_adapter import Closings, pairs_worn, train_real_adapter, wear_adapter
from sif.eval.training.real_closings import closings
from sif.eval.training.real_manner import train_real_manner
from sif.eval.training.real_tower import train_real_tower
from sif.files import write_atomically
from sif.mini.real.catalogue import RealModel
from sif.mini.real.folders import Pair
from sif.mini.real.language_model import load_language_model
from sif.mini.real.shell import build_real_model, build_real_processor

Report = Callable[[Progress], None]


class Trained(NamedTuple):
    """A model with its tower trained, and the adapter that its language model is to wear."""

    model: Any
    pairs: dict[str, Pair]


def train_real(model: RealModel, *, work: Path, report: Report) -> Trained:
    """Trains everything of a real-words model but its language model.

    Args:
        model: of the catalogue.
        work: folder in which stages are kept.
        report: called after every step.

    Raises:
        ModelError: the extra `real` is not installed.
        StorageError: the disk refuses.
    """
    language = load_language_model()
    built = build_real_model(language, seed=model.seed).requires_grad_(False)
    processor = build_real_processor(language.tokenizer)
    work.mkdir(parents=True, exist_ok=True)
    train_real_tower(
        built,
        processor,
        seed=model.seed,
        steps=model.tower_steps,
        file=work / "tower.safetensors",
        report=report,
    )
    told = _closings(model, built, processor, work / "closings.json", report)
    worn = wear_adapter(built.model.language_model, seed=model.seed)
    for stage, train, steps in (
        ("adapter", train_real_adapter, model.adapter_steps),
        ("manner", train_real_manner, model.manner_steps),
    ):
        train(
            built,
            processor,
            worn,
            seed=model.seed,
            steps=steps,
            closings=told,
            file=work / f"{stage}.safetensors",
            report=report,
        )
    return Trained(built, pairs_worn(worn))


def _closings(model: RealModel, built: Any, processor: Any, file: Path, report: Report) -> Closings:
    if not file.exists():
        told = closings(built, processor.tokenizer, seed=model.seed, rounds=1, report=report)
        write_atomically(file, json.dumps(told, indent=1))
    found: Closings = json.loads(file.read_text(encoding="utf-8"))
    return found
