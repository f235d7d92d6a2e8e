"""`sif bench activemark`: marks in vision models against copies, innocents and removal.

1. Folders of the sources and the innocents. 2. Every source is marked in every mode. 3. Every
suspect is made and read. 4. Every block is marked. 5. The baselines ask the suspects of the last
mode. Whatever was finished is kept in the folder and found again.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from sif.eval.marks.comparing import compare
from sif.eval.marks.marking import mark, mark_block, number_of_blocks
from sif.eval.marks.presentation import as_summary, pictures
from sif.eval.marks.results import Rows
from sif.eval.marks.setting import MarkSettings, Mode, Places, Source
from sif.eval.marks.suspects import prepare_source, suspect
from sif.eval.study import Findings, Study, Workplace
from sif.marks.vision_model import VisionModel
from sif.scale.crew import Call, Crew, Show


def run(setting: MarkSettings, place: Workplace) -> Findings:
    """Runs the study, or goes on with an interrupted one."""
    rows = mark_and_read(setting, place)
    return Findings(
        summary=as_summary(rows),
        files={
            "results.json": rows.model_dump_json(indent=1),
            **{f"{name}.parquet": some for name, some in rows.kinds().items() if some},
            **pictures(rows),
        },
    )


def mark_and_read(setting: MarkSettings, place: Workplace) -> Rows:
    """All rows.

    Raises:
        StorageError: a finished part is damaged, or the disk refuses.
        ModelError: the bundled weights are missing.
    """
    out = place.out
    for done, source in enumerate(setting.sources):
        place.show("models", done, len(setting.sources), source)
        prepare_source(setting, out, source)
    modes = [(source, mode) for source in reversed(setting.sources) for mode in setting.modes]
    blocks = [(source, block) for source in setting.sources for block in _blocks(out, source)]
    with place.crew() as crew:
        marks = [Call(partial(mark, setting, out, *pair)) for pair in modes]
        suspects = [Call(partial(_suspects, setting, out, *pair)) for pair in modes]
        table = [Call(partial(mark_block, setting, out, *pair)) for pair in blocks]
        last = setting.modes[-1]
        baselines = [Call(partial(compare, setting, out, one, last)) for one in setting.sources]
        return Rows.all_of(_done(crew, parts) for parts in (marks, table + suspects, baselines))


def _done(crew: Crew, parts: Sequence[Call[Rows]]) -> Rows:
    return Rows.all_of(crew.run(parts))


def _suspects(setting: MarkSettings, out: Path, source: Source, mode: Mode, show: Show) -> Rows:
    """Makes and reads everybody in one mode."""
    found, names = [], setting.everybody(source)
    for done, name in enumerate(names, start=1):
        found.append(suspect(setting, out, source, mode, name))
        show(f"suspects {source} {mode}", done, len(names), name)
    return Rows.all_of(found)


def _blocks(out: Path, source: Source) -> range:
    """All but the last, into which no message can go."""
    return range(number_of_blocks(VisionModel.load(Places(out, source, "").clean, device="cpu")))


STUDY: Final = Study(
    name="activemark",
    settings=MarkSettings,
    quick={
        "sources": ("llava-tower",),
        "pictures": 80,
        "holdout": 16,
        "steps": 200,
        "dino_steps": 100,
        "block_steps": 150,
        "dino_block_steps": 50,
        "unseen": 40,
        "tuning_steps": 20,
        "distillation_steps": 25,
        "train": 256,
        "test": 60,
        "starts": 16,
        "iterations": 40,
    },
    run=run,
    settled=True,
    one_thread=True,  # the order of sums, and with it every training, depends on their number
)
