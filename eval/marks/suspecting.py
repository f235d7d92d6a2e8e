"""Reads one suspect with one watermark: a row for every hold-out image, and one for the suspect."""

from pathlib import Path

from sif.errors import ModelError, UsageError
from sif.eval.marks.results import Reading, Role, Rows, Suspected, found_again
from sif.eval.marks.roster import (
    MARKED,
    TUNED,
    TUNED_INNOCENT,
    bundled_name,
    copies,
    innocents,
    write_bundled,
)
from sif.eval.marks.setting import Mode, Places, Setting, Source
from sif.eval.marks.stealing import make_copy, tune, tuned_accuracy
from sif.eval.marks.utility import drift
from sif.marks.verify import verify
from sif.marks.vision_model import VisionModel
from sif.marks.watermark import Watermark

REFUSED = "other shapes"


def everybody(setting: Setting, source: Source) -> dict[str, Role]:
    """The suspects of a source by name, copies first.

    Raises:
        UsageError: the setting names somebody else.
    """
    known: dict[str, Role] = {**copies(), **dict.fromkeys(innocents(source), "innocent")}
    chosen = set(known) if setting.suspects is None else {MARKED, *setting.suspects}
    if not chosen <= set(known):
        raise UsageError(
            f"expected suspects of {source} among {', '.join(known)}, got "
            f"{', '.join(sorted(chosen - set(known)))}"
        )
    return {name: role for name, role in known.items() if name in chosen}


def prepare_source(setting: Setting, out: Path, source: Source) -> None:
    """Writes the folders that all modes share: the clean source and the innocents."""
    places = Places(out, source, setting.modes[0])
    write_bundled(bundled_name(source), places.clean)
    for name, role in everybody(setting, source).items():
        if role != "innocent":
            continue
        if name == TUNED_INNOCENT:
            if not places.innocent(name).exists():
                tune(setting, places.clean, places.innocent(name), TUNED["digits-cosine"])
        elif name != "clean":
            write_bundled(name, places.innocent(name))


def suspect(setting: Setting, out: Path, source: Source, mode: Mode, name: str) -> Rows:
    """Makes a suspect where it is missing, and reads it."""
    places = Places(out, source, mode)
    role = everybody(setting, source)[name]
    if not places.marked.exists():
        return Rows()

    def work() -> Rows:
        seconds = None
        if role == "innocent":
            folder = places.innocent(name)
        elif name == MARKED:
            folder = places.marked
        else:
            seconds = make_copy(setting, places, source, mode, name)
            folder = places.copy(name)
        return _read(
            setting,
            places,
            folder,
            Suspected(
                source=source,
                mode=mode,
                suspect=name,
                role=role,
                decision=REFUSED,
                log10_e_value=0.0,
                accuracy=tuned_accuracy(setting, folder, TUNED[name]) if name in TUNED else None,
                cosine=None,
                seconds=seconds,
            ),
        )

    return found_again(places.row("rows", name), work)


def _read(setting: Setting, places: Places, folder: Path, known: Suspected) -> Rows:
    watermark = Watermark.load(places.watermark)
    try:
        vision = VisionModel.load(folder, device="cpu", readout=watermark.manifest.readout)
        verdict = verify(watermark, vision)
    except (UsageError, ModelError):  # it cannot hold a copy of these weights
        return Rows(suspects=(known,))
    readings = tuple(
        Reading(
            source=known.source,
            mode=known.mode,
            suspect=known.suspect,
            role=known.role,
            image=number,
            wrong=wrong,
            bits=verdict.bits,
            detected=wrong <= verdict.threshold,
        )
        for number, wrong in enumerate(verdict.errors)
    )
    row = known.model_copy(
        update={
            "decision": verdict.decision,
            "log10_e_value": verdict.log10_e_value,
            "cosine": None if known.role == "innocent" else _cosine(setting, places, vision),
        }
    )
    return Rows(readings=readings, suspects=(row,))


def _cosine(setting: Setting, places: Places, vision: VisionModel) -> float:
    clean = VisionModel.load(places.clean, device="cpu", readout=vision.readout)
    return float(drift(setting, clean, vision).mean())
