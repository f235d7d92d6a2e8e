"""What a study of a roster needs and what of it is here; everything but the downloads.

A requirement for the base images, the prompts, every method, the source and every suspect. Nothing
is downloaded, loaded or written, and no endpoint is reached.
"""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

from sif.errors import UsageError
from sif.eval.study import Requirement
from sif.eval.triggers.machine import (
    cached_snapshot,
    device_fault,
    device_of,
    devices_fault,
    folder_fault,
    free_for_downloads,
    is_hub_id,
    is_offline,
    memory_of,
    precision_fault,
    vllm_fault,
)
from sif.eval.triggers.method import Method
from sif.eval.triggers.plan import Plan, method_fault
from sif.eval.triggers.real_roster import RealRoster, RealSuspect, Weights
from sif.eval.triggers.textual_recipe import PairsRecipe, PrefixRecipe
from sif.suspects.uri import OpenAIOptions, TransformersOptions, VllmOptions

# At least so many bytes for a parameter: files are mostly in 16 bits, and "auto" keeps them.
BYTES: Final = {
    "auto": 2.0,
    "bfloat16": 2.0,
    "float16": 2.0,
    "float32": 4.0,
    "int8": 1.0,
    "nf4": 0.5,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the files of a model are: ready, download or missing, and in words."""

    state: str
    words: str


def check(plan: Plan) -> list[Requirement]:
    """Everything that a study needs, in the order in which it would be needed.

    Args:
        plan: what is to be done with one roster.
    """
    roster = plan.roster
    asked = f"{plan.questions * len(plan.asked)} to {len(plan.asked)} suspects"
    methods = [check_method(plan, method) for method in plan.methods]
    questions = Requirement(what="questions", state="ready", words=asked)
    if not isinstance(roster, RealRoster):
        bundled = Requirement(what=f"models of {roster.name}", state="ready", words="bundled")
        return [*methods, bundled, questions]
    words = f"{roster.file.prompts}: {len(roster.prompts)}, asked in turn"
    return [
        check_images(plan, roster),
        Requirement(what="prompts", state="ready", words=words),
        *methods,
        check_source(plan, roster),
        *(check_suspect(plan, one) for one in roster.suspects if one in plan.suspects),
        *check_disk(plan, roster),
        questions,
    ]


def check_images(plan: Plan, roster: RealRoster) -> Requirement:
    """The base images, and what to get where there are none."""
    try:
        count = len(roster.pictures(plan.triggers, 0))
    except UsageError as error:
        words = str(error)
        words += "" if roster.images is None else f"; get {roster.file.images}"
        return Requirement(what="base images", state="missing", words=words)
    words = f"{count} for {plan.triggers} triggers"
    if count < plan.triggers:
        words += "; some are used again with other prompts"
    return Requirement(what="base images", state="ready", words=words)


def check_method(plan: Plan, method: Method) -> Requirement:
    """A method's recipe, and what it costs."""
    if fault := method_fault(plan.roster, method):
        return Requirement(what=f"method {method.name}", state="missing", words=fault)
    passes, recipe = plan.gradient_passes(method.recipe), method.recipe
    match recipe:
        case PrefixRecipe():
            words = f"{recipe.steps} steps, {recipe.tokens} tokens; {passes.least} gradient passes"
        case PairsRecipe():
            words = f"{recipe.epochs} epochs of {recipe.pairs} pairs, which change the weights; "
            words += f"{passes.least} gradient passes"
        case _:
            pace, batch = recipe.schedule, plan.batch(recipe)
            words = f"{pace.steps} steps, ε = {pace.epsilon:g}/255; {passes.least} gradient passes "
            words += f"of {batch} triggers, {passes.most} at most"
    return Requirement(what=f"method {method.name}", state="ready", words=words)


def check_source(plan: Plan, roster: RealRoster) -> Requirement:
    """The source, as it is loaded to make triggers: float32 on a CPU, bfloat16 on CUDA."""
    source = roster.file.source
    place = place_of(source.model)
    if fault := device_fault(plan.device):
        return Requirement(what="source model", state="missing", words=fault)
    device = device_of(plan.device)
    precision = "float32" if device.type == "cpu" else "bfloat16"
    faults = [precision_fault(device, precision), _memory_fault(source, precision, device)]
    return _requirement(
        "source model",
        source,
        place,
        precision,
        faults,
        f"{precision} on {device.type}, {place.words}",
    )


def check_suspect(plan: Plan, listed: RealSuspect) -> Requirement:
    """A suspect: its files, and what its options want of this machine."""
    what = f"suspect {listed.name}"
    if listed.set_aside is not None:
        return Requirement(what=what, state="set aside", words=listed.set_aside)
    address, questions = listed.address, f"{plan.questions} questions"
    match address.options:
        case OpenAIOptions():
            words = f"{questions}; the endpoint is reached only when it is asked"
            return Requirement(what=what, state="ready", words=words)
        case TransformersOptions() as options:
            precision = options.quantize or options.dtype
            faults = _transformers_faults(listed, options, precision)
        case VllmOptions() as options:
            precision = options.dtype
            faults = _vllm_faults(listed, options)
    place = place_of(address.target)
    return _requirement(what, listed, place, precision, faults, f"{questions}; {place.words}")


def check_disk(plan: Plan, roster: RealRoster) -> list[Requirement]:
    """Whether the downloads fit on the disk; nothing where there are none.

    A repository counts once, however many suspects are loaded from it.
    """
    source, asked = roster.file.source, [one for one in roster.suspects if one in plan.asked]
    sizes = {source.model: source.disk_gb} | {one.address.target: one.disk_gb for one in asked}
    wanted = {target: gb for target, gb in sizes.items() if place_of(target).state == "download"}
    if not wanted:
        return []
    known = sum((gb for gb in wanted.values() if gb is not None), 0.0)
    unknown = sum(gb is None for gb in wanted.values())
    free = free_for_downloads() / 1e9
    words = f"repositories: {len(wanted)}, {known:.1f} GB"
    words += f" and {unknown} of unknown size" if unknown else ""
    words += f"; {free:.1f} GB free"
    if known > free:
        words += "; free some, or set HF_HOME to a larger disk"
        return [Requirement(what="disk", state="missing", words=words)]
    if is_offline():
        words += "; downloads are off: unset HF_HUB_OFFLINE"
    return [Requirement(what="disk", state="ready", download_gb=known, words=words)]


def _requirement(
    what: str,
    weights: Weights,
    place: Place,
    precision: str,
    faults: Sequence[str | None],
    words: str,
) -> Requirement:
    found = [fault for fault in faults if fault]
    if place.state == "missing":
        found.insert(0, place.words)
    return Requirement(
        what=what,
        state="missing" if found else place.state,
        memory=_memory(weights, precision),
        download_gb=weights.disk_gb if place.state == "download" else None,
        words="; ".join(found) if found else words,
    )


def place_of(target: str) -> Place:
    """Whether a model's files are in a folder, in the hub cache, or still to be downloaded."""
    folder = Path(target).expanduser()
    if folder.is_dir():
        fault = folder_fault(folder)
        return Place("missing", f"{target}: {fault}") if fault else Place("ready", "a folder")
    if not is_hub_id(target):
        return Place("missing", f"expected a model folder or a hub id, got {target}")
    snapshot = cached_snapshot(target)
    if snapshot is None:
        return Place("download", "to be downloaded")
    fault = folder_fault(snapshot)
    if fault is None:
        return Place("ready", "in the hub cache")
    if fault.endswith(" is missing"):
        return Place("download", f"partly in the hub cache, {fault}")
    return Place("missing", f"{target}: {fault}")


def _transformers_faults(
    listed: RealSuspect, options: TransformersOptions, precision: str
) -> list[str | None]:
    if fault := devices_fault(options.device):
        return [fault]
    names = options.device.split(",")
    device = device_of(names[0])
    return [
        _quantisation_fault(options.quantize, device),
        precision_fault(device, options.dtype),
        _memory_fault(listed, precision, device, shared=len(names)),
    ]


def _quantisation_fault(kind: str | None, device: torch.device) -> str | None:
    if kind is None:
        return None
    if device.type == "mps":
        return f"quantize={kind} works on cpu and cuda, got mps"
    try:
        importlib.import_module("bitsandbytes")
    except (ImportError, OSError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[0]
        return f"quantize={kind} needs bitsandbytes: {reason}; pip install bitsandbytes"
    return None


def _vllm_faults(listed: RealSuspect, options: VllmOptions) -> list[str | None]:
    if fault := vllm_fault():
        return [fault]
    device, gpus = device_of("auto"), torch.cuda.device_count()
    wanted = options.tensor_parallel_size * options.pipeline_parallel_size
    if gpus and wanted > gpus:
        sizes = "tensor_parallel_size × pipeline_parallel_size"
        return [f"expected at most {gpus} GPUs in {sizes}, got {wanted}"]
    shared = wanted if gpus else 1
    memory = None
    if options.quantization is None:
        memory = _memory_fault(listed, options.dtype, device, shared=shared)
    return [precision_fault(device, options.dtype), memory]


def _memory(weights: Weights, precision: str) -> int | None:
    return None if weights.parameters is None else int(weights.parameters * BYTES[precision])


def _memory_fault(
    weights: Weights, precision: str, device: torch.device, *, shared: int = 1
) -> str | None:
    needed, there = _memory(weights, precision), memory_of(device)
    if needed is None or there is None or needed <= shared * there:
        return None
    return (
        f"needs {needed / 2**30:.1f} GiB for its weights in {precision} alone, "
        f"{device.type} has {shared * there / 2**30:.1f} GiB"
    )
