"""Runs the benchmark of an adaptive thief, or goes on with an interrupted one.

1. The owner makes his triggers. 2. Detectors score them among benign pictures. 3. Purifiers,
filters, joined answers, tuned copies and unlearnt ones are asked about triggers and unseen scenes.
4. Rows. Everything is kept in the folder and found again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from sif.eval.adaptive import cases as attacks
from sif.eval.adaptive.case import Case, Courtroom
from sif.eval.adaptive.detection import detections_of, scores_of
from sif.eval.adaptive.fidelity import fidelity_of
from sif.eval.adaptive.rows import SECTIONS, Detection, Fidelity, Outcome, Score, Section
from sif.eval.adaptive.scale import FULL, Scale
from sif.eval.adaptive.stage import Stage
from sif.eval.jobs import Show
from sif.eval.rows import write_rows
from sif.eval.triggers.triggers import MARK
from sif.files import claim_folder
from sif.mini.architecture import Family

PREFIX: Final = "adaptive-"
CASES: Final[dict[Section, Callable[[Stage], list[Case]]]] = {
    "purifiers": attacks.purifier_cases,
    "averaging": attacks.averaging_cases,
    "filter": attacks.filter_cases,
    "tuning": attacks.tuning_cases,
    "unlearning": attacks.unlearning_cases,
    "owner": attacks.owner_cases,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveBench:
    """What a benchmark does.

    Attributes:
        out: a new folder, or that of an earlier benchmark of the same scale.
        families: of the mini models.
        scale: how much.
        detection: whether detectors are measured.
        sections: kinds of attacks.
    """

    out: Path
    families: tuple[Family, ...] = ("llava", "qwen2_5_vl")
    scale: Scale = FULL
    detection: bool = True
    sections: tuple[Section, ...] = SECTIONS


class Found(NamedTuple):
    """What it found; each is a Parquet file of that name."""

    outcomes: list[Outcome]
    detections: list[Detection]
    scores: list[Score]
    fidelity: list[Fidelity]


def run_adaptive(bench: AdaptiveBench, *, show: Show) -> Found:
    """Runs it and writes its rows as Parquet.

    Args:
        bench: what to do.
        show: is told of progress: stage, done, total, a few words.

    Raises:
        UsageError: a package that is needed is not installed.
        FingerprintError: the folder holds triggers that were made with other settings.
        StorageError: the folder holds something else, or the disk refuses.
        ModelError: the bundled weights are missing.
    """
    claim_folder(bench.out, mark=MARK, words="Written by `sif bench`; run it again to go on.\n")
    found = Found([], [], [], [])
    for family in bench.families:
        stage = Stage(out=bench.out, family=family, scale=bench.scale, show=show)
        all_methods = bench.detection or "owner" in bench.sections
        for making in stage.makings() if all_methods else stage.usual_makings():
            making.run(show)
        if bench.detection:
            scores = scores_of(stage)
            found.scores.extend(scores)
            found.detections.extend(detections_of(scores))
        if "purifiers" in bench.sections:
            found.fidelity.extend(fidelity_of(stage))
        cases = [case for section in bench.sections for case in CASES[section](stage)]
        found.outcomes.extend(Courtroom(stage).hear(cases))
    for name, rows in found._asdict().items():
        write_rows(bench.out / f"{PREFIX}{name}.parquet", rows)
    return found
