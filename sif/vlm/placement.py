"""Where a model's weights lie: on one device, or over several GPUs where none has room for it.

Whole blocks are placed, by accelerate, whose hooks move what goes from one to the next, and its
gradient back; what goes into the model and its logits are on the device of its first weights.
Knows no model by name.
"""

import copy
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from sif.errors import UsageError
from sif.vlm.folder import load_config
from sif.vlm.foreign import READING
from sif.vlm.quantised import quantised

SEVERAL: Final = r"cuda:\d{1,3}(,cuda:\d{1,3})+"
DEVICE: Final = re.compile(rf"auto|cpu|mps|cuda(:\d{{1,3}})?|{SEVERAL}")
USED: Final = 0.9
"""Share of a GPU's free memory that is planned with."""
POSITIONS: Final = 2048
"""Of a question with its picture and its answer, and half of those that a tower sees."""
BESIDE: Final = 3 * 2**29
"""Bytes of changed weights and tables of logits that a step has at once, at most."""
SLACK: Final = (1.05, 1.2, 1.5, 2.0, math.inf)
"""How much more than an even share a GPU may get; the first that works is taken."""

GIB: Final = 2**30


def devices_of(wanted: str) -> list[torch.device]:
    """The devices that a name speaks of, those of "auto" being all that a model may lie on.

    Args:
        wanted: "auto", "cpu", "mps", "cuda", "cuda:1", or several such as "cuda:0,cuda:1".

    Raises:
        UsageError: none of these, or a device that is not there.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "auto":
        several = [torch.device("cuda", number) for number in range(count)]
        return several if count > 1 else [torch.device("cuda" if count else "cpu")]
    if not DEVICE.fullmatch(str(wanted)):
        raise UsageError(
            "device: expected auto, cpu, mps, cuda, cuda:N or several with commas between "
            f"(cuda:0,cuda:1), got {ascii(wanted)[:40]}; leave it out for auto"
        )
    devices = [torch.device(name) for name in wanted.split(",")]
    if len(set(devices)) < len(devices):
        raise UsageError(f"device: expected each GPU once, got {wanted[:40]}; leave one out")
    for device in devices:
        if device.type == "cuda" and (device.index or 0) >= count:
            raise UsageError(
                f"expected a device that is there, got {device} of {count} GPUs; use cpu"
            )
        if device.type == "mps" and not torch.backends.mps.is_available():
            raise UsageError("expected a device that is there, got mps without one; use cpu")
    return devices


def device_map(
    source: str | Path,
    wanted: str,
    *,
    dtype: torch.dtype | str,
    base: str | None = None,
    quantize: str | None = None,
) -> dict[str, Any]:
    """What `from_pretrained` is told: one device for all, or a GPU for each part.

    "auto" takes the first GPU with room for the weights and for a step on one trigger, and all
    GPUs where none has; several that are named are all taken.

    Args:
        source: folder or hub id.
        wanted: as in `devices_of`.
        dtype: of the weights; "auto" for that of the files.
        base: of an adapter.
        quantize: "int8" or "nf4" where weights are rounded as they are loaded.

    Raises:
        UsageError: a device that is not there, or GPUs without room for the model.
        ModelError: no configuration that can be read.
    """
    devices = devices_of(wanted)
    if len(devices) == 1:
        return {"": devices[0]}
    model = _built(source, base)
    if model is None:  # told when it is loaded
        return {"": devices[0]}
    precision = _precision(source, model, dtype, quantize)
    room = step_room(model)
    free = {it: int(USED * torch.cuda.mem_get_info(it)[0]) - room for it in devices}
    weights = _sizes(model, precision)[""]
    if wanted == "auto":
        for device in devices:
            if weights <= free[device]:
                return {"": device if device.index else torch.device("cuda")}
    return spread(model, free, precision)


def spread(
    model: nn.Module, free: Mapping[torch.device, int], precision: Any
) -> dict[str, int | str]:
    """A device for each part of a model, as evenly as whole blocks allow.

    Args:
        model: without values (on the device "meta").
        free: bytes of each GPU for weights alone.
        precision: of the weights; a dtype of torch or accelerate.

    Raises:
        UsageError: they have not room enough together.
    """
    from accelerate import infer_auto_device_map

    sizes = _sizes(model, precision)
    whole = set(getattr(model, "_no_split_modules", None) or ())
    blocks = [sizes[name] for name, it in model.named_modules() if type(it).__name__ in whole]
    for slack in SLACK:
        share = slack * sizes[""] / len(free) + 2 * max(blocks, default=0)
        most = {it.index: int(max(0, min(room, share))) for it, room in free.items()}
        found = infer_auto_device_map(
            model, max_memory=most, no_split_module_classes=list(whole), dtype=precision
        )
        if set(found.values()) <= set(most):
            return dict(found)
    rooms = ", ".join(f"{max(0, room) / GIB:.1f} on {it}" for it, room in free.items())
    raise UsageError(
        f"expected GPUs with room for {sizes[''] / GIB:.1f} GiB of weights beside what a step "
        f"takes, got {rooms}; free some memory, name more GPUs, or use --device cpu"
    )


def step_room(model: nn.Module) -> int:
    """Bytes that a step on one trigger takes on a GPU beside the weights, roughly.

    With checkpointing: what enters each block, and all that one of them keeps.

    Args:
        model: with or without values.
    """
    whole = set(getattr(model, "_no_split_modules", None) or ())
    blocks = [it for it in model.modules() if type(it).__name__ in whole]
    layers = [[it for it in one.modules() if isinstance(it, nn.Linear)] for one in blocks]
    entering = sum(some[0].in_features for some in layers if some)
    inside = (sum(it.in_features + it.out_features for it in some) for some in layers)
    weights = sum(weight.numel() for weight in model.parameters())
    return 2 * POSITIONS * (entering + max(inside, default=0)) + min(BESIDE, 4 * weights)


def _built(source: str | Path, base: str | None) -> Any:
    """The model without values; None where it cannot be built."""
    from transformers import AutoModelForImageTextToText

    config = load_config(source, base=base)
    try:
        with torch.device("meta"):
            return AutoModelForImageTextToText.from_config(
                copy.deepcopy(config), trust_remote_code=False
            )
    except READING:
        return None


def _precision(
    source: str | Path, model: Any, dtype: torch.dtype | str, quantize: str | None
) -> Any:
    """What a weight takes; of those that are stored rounded a byte, which is never too little."""
    from accelerate.utils import CustomDtype

    if quantize is not None:
        return CustomDtype.INT4 if quantize == "nf4" else torch.int8
    if quantised(source) is not None:
        return torch.int8
    if isinstance(dtype, torch.dtype):
        return dtype
    return model.dtype if dtype == "auto" else getattr(torch, dtype)


def _sizes(model: nn.Module, precision: Any) -> Mapping[str, float]:
    """Bytes of every module by name; the whole model's is that of the empty name."""
    from accelerate.utils import compute_module_sizes

    sizes: Mapping[str, float] = compute_module_sizes(model, dtype=precision)
    return sizes


def places(model: nn.Module) -> Sequence[torch.device]:
    """The devices that weights of a model are on, that of the first one first."""
    return list(dict.fromkeys(weight.device for weight in model.parameters()))
