"""Steals a model: loads it, carries out attacks one after the other, saves a plain folder.

Knows nothing of single attacks or of the command line.
"""

import contextlib
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sif.attacks.weights.attack import (
    Device,
    Report,
    WeightAttack,
    Workbench,
    choose_device,
    ignore,
)
from sif.attacks.weights.provenance import FILE, Provenance, Record, describe
from sif.errors import UsageError
from sif.files import writing
from sif.marks.tower_folder import load_owner
from sif.vlm.folder import save_model


def steal(
    source: str | Path,
    folder: Path,
    attacks: Sequence[WeightAttack],
    *,
    device: Device = "auto",
    report: Report = ignore,
) -> Provenance:
    """Writes an attacked copy of a model into a new folder, with its provenance.

    Half-done work lies beside `folder` until that is written; the same call goes on from there.

    Args:
        source: folder or hub id.
        folder: of the copy; must not exist yet.
        attacks: in this order.
        device: where to compute.
        report: called after every step of an attack.

    Raises:
        UsageError: no attacks, or the folder exists.
        ModelError: the source cannot be loaded, or a training came to nothing.
        StorageError: the disk refuses.
    """
    if not attacks:
        raise UsageError("expected at least one attack, got none")
    if folder.exists():
        return _made_before(source, folder, attacks)
    place = choose_device(device)
    model, processor = load_owner(source)
    model.to(place)
    scratch = _scratch_beside(folder)
    bench = Workbench(scratch=scratch, device=device, report=report)
    try:
        records = [
            Record(
                attack=attack.name,
                parameters=attack.model_dump(mode="json"),
                facts=attack.apply(model, processor, bench),
            )
            for attack in attacks
        ]
        history = describe(source, device=place, attacks=records, created=datetime.now(UTC))
        text = history.model_dump_json(indent=2)
        save_model(model, processor, folder, provenance__json=text)
        shutil.rmtree(scratch)
    finally:
        with contextlib.suppress(OSError):
            scratch.rmdir()
    return history


def _scratch_beside(folder: Path) -> Path:
    scratch = _unfinished(folder)
    with writing(scratch):
        scratch.mkdir(parents=True, exist_ok=True)
    return scratch


def _unfinished(folder: Path) -> Path:
    return folder.parent / f".{folder.name}.unfinished"


def _made_before(source: str | Path, folder: Path, attacks: Sequence[WeightAttack]) -> Provenance:
    """The history of a copy that was whole already when its theft was killed; else a refusal."""
    scratch = _unfinished(folder)
    if scratch.is_dir() and (folder / FILE).exists():
        history = Provenance.load(folder)
        then = [(record.attack, record.parameters) for record in history.attacks]
        now = [(attack.name, attack.model_dump(mode="json")) for attack in attacks]
        if (history.source, then) == (str(source), now):
            shutil.rmtree(scratch, ignore_errors=True)
            return history
    raise UsageError(f"{folder} exists already; name another folder or remove it first")
