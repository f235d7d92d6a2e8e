"""What this machine has for a model: files, hub cache, devices, precisions, memory, disk.

Downloads nothing and loads no weights. Knows nothing of rosters.
"""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Final

import torch

from sif.errors import ModelError
from sif.suspects.engine import require_vllm
from sif.vlm.folder import load_config

HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
WEIGHTS: Final = (".safetensors", ".bin")
INDICES: Final = ("model.safetensors.index.json", "pytorch_model.bin.index.json")


def is_hub_id(target: str) -> bool:
    """Whether a target without a folder of its name can be an id of the hub, `org/name`."""
    return not Path(target).expanduser().exists() and HUB_ID.fullmatch(target) is not None


def cached_snapshot(repository: str) -> Path | None:
    """The folder in the hub cache that holds a repository's configuration; none without one."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, "config.json")
    return Path(found).parent if isinstance(found, str) else None


def missing_weights(folder: Path) -> str | None:
    """The first file of weights that a model folder lacks; none where all are there."""
    for name in INDICES:
        if (folder / name).exists():
            files = json.loads((folder / name).read_text(encoding="utf-8"))["weight_map"].values()
            return next((file for file in sorted(set(files)) if not (folder / file).exists()), None)
    held = any(path.suffix in WEIGHTS and path.exists() for path in folder.iterdir())
    return None if held else "model.safetensors"


def folder_fault(folder: Path) -> str | None:
    """Why a folder is no whole model that takes images; none if it is one."""
    from transformers import AutoModelForImageTextToText

    try:
        config = load_config(folder)
        missing = missing_weights(folder)
    except ModelError as error:
        return str(error)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        return f"its files cannot be read: {type(error).__name__}: {error}"
    if type(config) not in AutoModelForImageTextToText._model_mapping:
        return f"expected a vision-language model, got {config.model_type!r}, which takes no images"
    return f"{missing} is missing" if missing else None


def device_fault(wanted: str) -> str | None:
    """Why a device cannot be had; none if it can."""
    try:
        device = device_of(wanted)
    except RuntimeError:
        return f"expected a device such as auto, cpu or cuda:1, got {wanted!r}"
    count = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= count:
        return f"expected a device that is there, got {wanted} of {count} GPUs; use cpu"
    if device.type == "mps" and not torch.backends.mps.is_available():
        return "expected a device that is there, got mps on a machine without; use cpu"
    return None


def devices_fault(wanted: str) -> str | None:
    """The same of one or several, in the form that `hf:` takes: with commas between them."""
    return next((fault for one in wanted.split(",") if (fault := device_fault(one))), None)


def device_of(wanted: str) -> torch.device:
    """The device that a word means; "auto" is CUDA where there is one, else the CPU."""
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)


def precision_fault(device: torch.device, precision: str) -> str | None:
    """Why a device cannot compute in a precision, seen by letting it; none if it can."""
    if precision == "auto":
        return None
    try:
        dtype = getattr(torch, precision)
        ones = torch.ones(1, 1, 4, 4, device=device, dtype=dtype)
        torch.nn.functional.conv2d(ones, ones[..., :2, :2]) @ ones[..., :3, :3]
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).strip().split("\n")[0]
        return f"{device.type} does not compute in {precision}: {reason}; choose another dtype"
    return None


def memory_of(device: torch.device) -> int | None:
    """Bytes that the device has in all; none where that cannot be told."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def free_for_downloads() -> int:
    """Free bytes where the hub cache is, or will be."""
    from huggingface_hub.constants import HF_HUB_CACHE

    place = Path(HF_HUB_CACHE)
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def vllm_fault() -> str | None:
    """Why vLLM cannot be had; none if it can."""
    try:
        require_vllm()
    except ModelError as error:
        return str(error)
    return None


def is_offline() -> bool:
    """Whether downloads are switched off by HF_HUB_OFFLINE."""
    from huggingface_hub.constants import HF_HUB_OFFLINE

    return bool(HF_HUB_OFFLINE)
