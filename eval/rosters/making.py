"""The triggers of every method of a roster's benchmark, made on its source once and found again.

All methods have the same keys. The source is loaded only where triggers are missing. Knows no
suspects.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from sif.errors import StorageError, UsageError
from sif.eval.jobs import Show
from sif.eval.rosters.plan import Plan
from sif.eval.triggers.meter import metered, peak_bytes
from sif.eval.triggers.method import Method
from sif.eval.triggers.results import Cost
from sif.eval.triggers.trigger_set import GreenSet
from sif.files import write_atomically
from sif.fingerprint.folder import FingerprintSet
from sif.fingerprint.images import NamedImage
from sif.fingerprint.make import (
    MakingProgress,
    green_list_objective,
    make_fingerprint,
)
from sif.fingerprint.recipe import Recipe
from sif.suspects.weights import weights_digest
from sif.vlm.model import Vlm
from sif.watermark.keys import KeyRing

KEYS: Final = "secret.key"


class Making(BaseModel):
    """All that decides the triggers of a method, but for the keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    weights: str | None
    recipe: Recipe
    images: str
    prompts: tuple[str, ...]
    triggers: int
    seed: int
    batch_size: int


class MadeRecord(BaseModel):
    """methods/NAME.json, written when the triggers of a method are finished."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    making: Making
    cost: Cost


@dataclass(frozen=True, slots=True)
class Made:
    """The triggers of one method, and what they cost."""

    triggers: GreenSet
    cost: Cost


def method_fault(method: Method) -> str | None:
    """Why a method cannot take part; none if it can."""
    try:
        green_list_objective(method.recipe)
    except UsageError as error:
        return str(error)
    return None


def make_all(plan: Plan, images: Sequence[NamedImage], out: Path, show: Show) -> list[Made]:
    """The triggers of every method; the source is loaded once, and only where some are missing."""
    keys = _keys(out / KEYS)
    seen = _digest(images)
    vlm: Vlm | None = None
    made = []
    for method in plan.methods:
        making = Making(
            source=plan.roster.source.model,
            weights=weights_digest(plan.roster.source.model),
            recipe=method.recipe,
            images=seen,
            prompts=plan.prompts,
            triggers=plan.triggers,
            seed=plan.seed,
            batch_size=plan.batch(method.recipe),
        )
        folder, record = out / "triggers" / method.name, _record(out, method.name)
        if record.exists():
            made.append(Made(GreenSet(FingerprintSet.load(folder)), _kept_cost(record, making)))
            continue
        vlm = vlm or Vlm.load(plan.roster.source.model, device=plan.device)
        made.append(_make(plan, vlm, method.name, making, images, keys, out, show))
    return made


def _make(
    plan: Plan,
    vlm: Vlm,
    name: str,
    making: Making,
    images: Sequence[NamedImage],
    keys: KeyRing,
    out: Path,
    show: Show,
) -> Made:
    folder = out / "triggers" / name
    interrupted = folder.exists()

    def report(progress: MakingProgress) -> None:
        words = f"attempt {progress.attempt}, loss {progress.loss:.2f}"
        show(f"making {name}", progress.done + progress.part, progress.count, words)

    if vlm.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(vlm.device)
    with metered(vlm) as meter:
        made = make_fingerprint(
            vlm,
            images,
            recipe=making.recipe,
            out=folder,
            prompts=making.prompts,
            count=making.triggers,
            keys=keys,
            seed=making.seed,
            batch_size=making.batch_size,
            report=report,
        )
    triggers = GreenSet(made)
    taken = None if interrupted else meter
    cost = Cost(
        family=plan.roster.name,
        method=name,
        seed=making.seed,
        triggers=making.triggers,
        seconds=None if taken is None else taken.seconds / making.triggers,
        gradient_passes=None if taken is None else taken.gradient_passes,
        decoding_passes=None if taken is None else taken.decoding_passes,
        forward_seconds=None if taken is None else taken.forward_seconds / making.triggers,
        backward_seconds=None if taken is None else taken.backward_seconds / making.triggers,
        decoding_seconds=None if taken is None else taken.decoding_seconds / making.triggers,
        peak_bytes=peak_bytes(vlm.device),
        device=vlm.device.type,
        threads=torch.get_num_threads(),
        jobs=1,
        batch_size=making.batch_size,
        weak=triggers.weak,
    )
    record = MadeRecord(making=making, cost=cost)
    write_atomically(_record(out, name), record.model_dump_json(indent=2))
    return Made(triggers, cost)


def _record(out: Path, name: str) -> Path:
    return out / "methods" / f"{name}.json"


def _kept_cost(path: Path, making: Making) -> Cost:
    """What finished triggers cost, if they are those that are wanted now."""
    try:
        kept = MadeRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise StorageError(
            f"expected {path} as `sif bench roster` writes it, got something else; use a new folder"
        ) from error
    for field in Making.model_fields:
        if getattr(kept.making, field) != getattr(making, field):
            raise StorageError(
                f"expected the settings that {path.stem} was made with in {path.parent.parent}, "
                f"got another {field}; use the same ones or another folder"
            )
    return kept.cost


def _keys(path: Path) -> KeyRing:
    """The owner's secret, the same for all methods; a fresh one where there is none."""
    if path.exists():
        return KeyRing.load(path)
    keys = KeyRing.generate()
    keys.save(path)
    return keys


def _digest(images: Sequence[NamedImage]) -> str:
    digest = hashlib.sha256()
    for named in images:
        picture = named.image.convert("RGB")
        digest.update(f"{named.name}|{picture.size}|".encode())
        digest.update(picture.tobytes())
    return digest.hexdigest()
