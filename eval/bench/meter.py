"""What a model did and how long it took. Knows nothing of methods."""

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from sif.vlm.model import Vlm


@dataclass(slots=True)
class Meter:
    """Time and passes of a model: those with a gradient to follow, and those that only decode."""

    seconds: float = 0.0
    gradient_passes: int = 0
    decoding_passes: int = 0


@contextmanager
def metered(vlm: Vlm) -> Iterator[Meter]:
    """Counts what a model does within."""
    meter, began = Meter(), time.perf_counter()

    def count(_module: Any, _inputs: Any, _output: Any) -> None:
        if torch.is_grad_enabled():
            meter.gradient_passes += 1
        else:
            meter.decoding_passes += 1

    handle = vlm.model.register_forward_hook(count)
    try:
        yield meter
    finally:
        handle.remove()
        meter.seconds = time.perf_counter() - began


def peak_bytes(device: torch.device) -> int:
    """Highest memory so far: allocated on a CUDA device, resident of this process elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
