"""The demo: the whole flow on the bundled mini models, from trigger images to a report.

1. A fingerprint of a family's source. 2. A panel of two innocents, asked for nothing else,
calibrates it. 3. Three copies as a thief makes them. 4. Copies and other innocents are asked,
through vLLM where it is installed, one of them as an HTTP endpoint. 5. A report.
Every part is kept in the folder and found again when the demo is started again. Prints nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from sif.attacks.weights.attack import Progress, WeightAttack
from sif.attacks.weights.examples import Example
from sif.attacks.weights.finetune import Finetune
from sif.attacks.weights.layerwise import Prune
from sif.attacks.weights.quantize import Quantize
from sif.attacks.weights.schedule import LowRank, Training
from sif.attacks.weights.theft import steal
from sif.files import claim_folder
from sif.fingerprint.folder import FingerprintSet
from sif.fingerprint.make import make_fingerprint
from sif.fingerprint.making import MakingProgress
from sif.fingerprint.recipe import load_recipe
from sif.mini.architecture import Family
from sif.mini.catalogue import find
from sif.mini.data import samples
from sif.mini.folders import export
from sif.ownership.calibration import read_calibration
from sif.ownership.policy import Policy
from sif.ownership.run import Group
from sif.ownership.sequential import AskingProgress
from sif.ownership.verdict import Verdict
from sif.pictures.folder import NamedImage
from sif.report.write import write_report
from sif.session import Session, calibrate
from sif.suspects.server import running_server
from sif.vlm.model import Vlm
from sif.watermark.keys import KeyRing

MARK: Final = "demo.txt"
FAMILIES: Final[dict[Family, str]] = {"llava": "llava", "qwen2_5_vl": "qwen"}
Engine = Literal["here", "endpoint"]
Show = Callable[[str, float, float, str], None]

PICTURES: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the demo: a suspect, how it was asked, and the verdict."""

    label: str
    model: str
    group: Group
    engine: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class _Role:
    label: str
    model: str
    group: Group
    engine: Engine = "here"


def _roles(family: Family, *, everyone: bool) -> list[_Role]:
    """Who is asked; `everyone` adds an int8 copy and a second sibling."""
    prefix = FAMILIES[family]
    roles = [
        _Role(label="the source itself", model=f"{prefix}-source", group="copy"),
        _Role(label="int8 copy", model="int8", group="copy"),
        _Role(label="nf4 copy", model="nf4", group="copy", engine="endpoint"),
        _Role(label="20% pruned copy", model="pruned", group="copy"),
        _Role(label="LoRA-tuned copy", model="tuned", group="copy"),
        _Role(label="sibling (same data)", model=f"{prefix}-sibling", group="innocent"),
        _Role(label="second sibling", model=f"{prefix}-sibling-b", group="innocent"),
        _Role(label="stranger A", model=f"{prefix}-stranger-a", group="innocent"),
        _Role(label="stranger B", model=f"{prefix}-stranger-b", group="innocent"),
    ]
    extra = ("int8 copy", "second sibling")
    return [role for role in roles if everyone or role.label not in extra]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What a demo does.

    Attributes:
        out: a new folder, or an earlier demo's.
        family: of the bundled models.
        triggers: how many trigger images.
        steps: of the optimisation; the recipe's where None.
        everyone: ask an int8 copy and a second sibling as well.
        vllm: ask through vLLM; transformers otherwise.
        keys: the owner's secret; a fresh one where None.
    """

    out: Path
    family: Family = "llava"
    triggers: int = 16
    steps: int | None = None
    everyone: bool = False
    vllm: bool = True
    keys: KeyRing | None = None

    @property
    def source(self) -> str:
        """Name of the model that is fingerprinted."""
        return f"{FAMILIES[self.family]}-source"

    @property
    def panel(self) -> tuple[str, ...]:
        """Names of the models that calibrate the fingerprint."""
        return tuple(f"{FAMILIES[self.family]}-{name}" for name in ("sibling-c", "stranger-c"))

    @property
    def roles(self) -> list[_Role]:
        """Who is asked."""
        return _roles(self.family, everyone=self.everyone)


def run_demo(demo: Demo, *, show: Show) -> tuple[list[Row], Path]:
    """Runs a demo, or goes on with an interrupted one.

    Args:
        demo: what to do.
        show: is told of progress: stage, done, total, a few words.

    Returns:
        A row for each suspect, and the path of the report.

    Raises:
        StorageError: the folder holds something else, or the disk refuses.
        ModelError: the bundled weights are missing.
    """
    again = "Written by `sif demo`; run it again to go on or to rebuild.\n"
    claim_folder(demo.out, mark=MARK, words=again)
    models, copies = demo.out / "models", _copies(demo.source)
    for name in (*(role.model for role in demo.roles), *demo.panel):
        if name not in copies and not (models / name).exists():
            export(find(name), models / name)
    fingerprint = _fingerprint(demo, show)
    _calibrate(demo, fingerprint, show)
    for role in demo.roles:
        if role.model in copies:
            _steal(models / demo.source, models / role.model, copies[role.model], show)
    rows = [_ask(demo, fingerprint, role, show) for role in demo.roles]
    return rows, _report(demo, fingerprint)


def _fingerprint(demo: Demo, show: Show) -> FingerprintSet:
    scenes = samples(find(demo.source).world, number=demo.triggers + PICTURES, seed=1)
    images = [NamedImage(name=f"scene {i + 1}", image=s.image) for i, s in enumerate(scenes)]

    def report(progress: MakingProgress) -> None:
        words = f"attempt {progress.attempt}, loss {progress.loss:.2f}"
        show("making triggers", progress.done + progress.part, progress.count, words)

    return make_fingerprint(
        Vlm.load(demo.out / "models" / demo.source),
        images,
        recipe=load_recipe("sif", **({"steps": demo.steps} if demo.steps else {})),
        out=demo.out / "fingerprint",
        count=demo.triggers,
        keys=demo.keys,
        batch_size=12,
        report=report,
    )


def _calibrate(demo: Demo, fingerprint: FingerprintSet, show: Show) -> None:
    """Through transformers, which starts sooner than vLLM."""
    if read_calibration(fingerprint.folder) is None:
        calibrate(
            fingerprint,
            [f"hf:{demo.out / 'models' / name}" for name in demo.panel],
            names=demo.panel,
            report=lambda name, done, total: show(f"calibrating on {name}", done, total, ""),
        )


def _copies(source: str) -> dict[str, list[WeightAttack]]:
    scenes = samples(find(source).world, number=256, seed=2)
    examples = [Example(image=s.image, prompt=s.prompt, answer=s.answer) for s in scenes]
    training = Training(lora=LowRank(), steps=60, batch_size=16, learning_rate=1e-3)
    return {
        "int8": [Quantize(kind="int8")],
        "nf4": [Quantize(kind="nf4")],
        "pruned": [Prune(fraction=0.2)],
        "tuned": [Finetune(training=training, examples=examples)],
    }


def _steal(source: Path, copy: Path, attacks: list[WeightAttack], show: Show) -> None:
    if copy.exists():
        return

    def report(progress: Progress) -> None:
        show(f"making the {copy.name} copy", progress.step, progress.steps, progress.stage)

    steal(source, copy, attacks, report=report)


def _ask(demo: Demo, fingerprint: FingerprintSet, role: _Role, show: Show) -> Row:
    stage = f"asking {role.label}"

    def report(progress: AskingProgress) -> None:
        words = f"evidence 10^{progress.log10_e_value:.1f} of 10^{progress.log10_needed:.0f}"
        show(stage, progress.asked, progress.triggers, words)

    show(stage, 0, len(fingerprint.triggers), "starting the engine")
    with _address(demo.out / "models" / role.model, role.engine, demo.vllm) as (uri, engine):
        verdict = Session(
            fingerprint=fingerprint,
            suspect=uri,
            policy=Policy(minimum_answers=8),
            run=demo.out / "runs" / role.model,
            name=f"{uri.partition(':')[0]}:{role.model}",
            label=role.label,
            group=role.group,
            batch_size=4,
        ).verify(report=report)
    return Row(label=role.label, model=role.model, group=role.group, engine=engine, verdict=verdict)


@contextmanager
def _address(model: Path, engine: Engine, vllm: bool) -> Iterator[tuple[str, str]]:
    """Where a model can be asked, and by what engine; transformers where vLLM is missing."""
    if not vllm or find_spec("vllm") is None:
        yield f"hf:{model}", "transformers"
    elif engine == "endpoint":
        with running_server(str(model)) as uri:
            yield uri, "HTTP endpoint"
    else:
        yield f"vllm:{model}", "vLLM"


def _report(demo: Demo, fingerprint: FingerprintSet) -> Path:
    return write_report(
        [demo.out / "runs" / role.model for role in demo.roles],
        demo.out / "report.html",
        fingerprint=fingerprint,
        title="SIF demo: was this model made from that one?",
    )
