"""The benchmark of ActiveMark: marks, suspects, the table of blocks, and two baselines.

1. Folders of the sources and the innocents. 2. Every source is marked in every mode. 3. Every
suspect is made and read. 4. Every block is marked. 5. The baselines ask the suspects of the last
mode. Whatever was finished is kept in the folder and found again. Prints nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sif.errors import UsageError
from sif.eval.jobs import Part, Show, Workers, workers
from sif.eval.marks.blocks import mark_block, number_of_blocks
from sif.eval.marks.comparing import compare
from sif.eval.marks.marking import mark
from sif.eval.marks.results import Rows
from sif.eval.marks.setting import MODES, QUICK, SOURCES, Mode, Places, Setting, Source
from sif.eval.marks.suspecting import everybody, prepare_source, suspect
from sif.files import claim_folder, write_atomically
from sif.marks.vision_model import VisionModel

MARK: Final = "activemark.txt"
SETTING: Final = "setting.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """A part of the work: one source marked in one mode."""

    setting: Setting
    out: Path
    source: Source
    mode: Mode

    def run(self, show: Show) -> Rows:
        """Marks it."""
        return mark(self.setting, self.out, self.source, self.mode, show)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspects:
    """A part of the work: some suspects of one mode."""

    setting: Setting
    out: Path
    source: Source
    mode: Mode
    names: tuple[str, ...]

    def run(self, show: Show) -> Rows:
        """Makes and reads them."""
        rows = Rows()
        for done, name in enumerate(self.names, start=1):
            rows = rows.merged(suspect(self.setting, self.out, self.source, self.mode, name))
            show(f"suspects {self.source} {self.mode}", done, len(self.names), name)
        return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A part of the work: one block marked."""

    setting: Setting
    out: Path
    source: Source
    block: int

    def run(self, show: Show) -> Rows:
        """Marks it, before and after fine-tuning."""
        return mark_block(self.setting, self.out, self.source, self.block, show)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baselines:
    """A part of the work: both baselines on the suspects of one mode."""

    setting: Setting
    out: Path
    source: Source
    mode: Mode

    def run(self, show: Show) -> Rows:
        """Fingerprints and asks."""
        return compare(self.setting, self.out, self.source, self.mode, show)


def setting_of(
    sources: Sequence[str],
    modes: Sequence[str],
    *,
    suspects: Sequence[str] | None,
    seed: int,
    quick: bool,
) -> Setting:
    """The setting that a user asked for; `quick` takes the first source and the short sizes.

    Raises:
        UsageError: unknown sources, modes or suspects, or none.
    """
    for said, known in ((sources, SOURCES), (modes, MODES)):
        if not said or not set(said) <= set(known):
            raise UsageError(
                f"expected some of {', '.join(known)}, got {', '.join(said) or 'none'}"
            )
    chosen = tuple(sources[:1] if quick else sources)
    changes: dict[str, object] = {"sources": chosen, "modes": tuple(modes), "seed": seed}
    if suspects is not None:
        changes["suspects"] = tuple(suspects)
    setting = (QUICK if quick else Setting()).model_copy(update=changes)
    for source in setting.sources:
        everybody(setting, source)
    return setting


def run_activemark(out: Path, setting: Setting, *, jobs: int, show: Show) -> Rows:
    """Runs the benchmark, or goes on with an interrupted one.

    Args:
        out: a new folder, or an earlier benchmark's with the same setting.
        setting: what to do.
        jobs: parts that are carried out at once, in processes of one thread each.
        show: is told of progress: stage, done, total, a few words.

    Raises:
        UsageError: the folder holds a benchmark with another setting.
        StorageError: the folder holds something else, or the disk refuses.
        ModelError: the bundled weights are missing.
    """
    claim_folder(
        out, mark=MARK, words="Written by `sif bench activemark`; run it again to go on.\n"
    )
    _settle(out, setting)
    for done, source in enumerate(setting.sources):
        show("models", done, len(setting.sources), source)
        prepare_source(setting, out, source)
    with workers(jobs, show) as crew:
        rows = _all(crew, _marks(out, setting))
        rows = rows.merged(_all(crew, [*_blocks(out, setting), *_suspects(out, setting)]))
        return rows.merged(_all(crew, _baselines(out, setting)))


def _all(crew: Workers, parts: Sequence[Part[Rows]]) -> Rows:
    rows = Rows()
    for found in crew.run(parts):
        rows = rows.merged(found)
    return rows


def _settle(out: Path, setting: Setting) -> None:
    """Writes the setting into the folder, or checks that it is the one that lies there."""
    file, text = out / SETTING, setting.model_dump_json(indent=2)
    if not file.exists():
        write_atomically(file, text)
    elif file.read_text(encoding="utf-8") != text:
        raise UsageError(
            f"expected a benchmark with the setting in {file}, got another; name a new folder, or "
            "give the options of then"
        )


def _marks(out: Path, setting: Setting) -> list[Marks]:
    return [
        Marks(setting=setting, out=out, source=source, mode=mode)
        for source in reversed(setting.sources)
        for mode in setting.modes
    ]


def _suspects(out: Path, setting: Setting) -> list[Suspects]:
    return [
        Suspects(
            setting=setting,
            out=out,
            source=source,
            mode=mode,
            names=tuple(everybody(setting, source)),
        )
        for source in reversed(setting.sources)
        for mode in setting.modes
    ]


def _blocks(out: Path, setting: Setting) -> list[Block]:
    return [
        Block(setting=setting, out=out, source=source, block=block)
        for source in setting.sources
        for block in range(_depth(out, source))
    ]


def _depth(out: Path, source: Source) -> int:
    return number_of_blocks(VisionModel.load(Places(out, source, "").clean, device="cpu"))


def _baselines(out: Path, setting: Setting) -> list[Baselines]:
    return [
        Baselines(setting=setting, out=out, source=source, mode=setting.modes[-1])
        for source in setting.sources
    ]
