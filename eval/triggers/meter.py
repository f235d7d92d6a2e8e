"""What a model did and how long it took. Knows nothing of methods."""

import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch

from sif.vlm.model import Vlm


@dataclass(slots=True)
class Meter:
    """Time and passes of a model: those with a gradient to follow, and those that only decode.

    Attributes:
        seconds: in all.
        forward_seconds: of it in passes with a gradient to follow.
        backward_seconds: in back-propagation, the image processor's included.
        decoding_seconds: in passes without a gradient.
    """

    seconds: float = 0.0
    gradient_passes: int = 0
    decoding_passes: int = 0
    forward_seconds: float = 0.0
    backward_seconds: float = 0.0
    decoding_seconds: float = 0.0

    def each(self, count: int) -> dict[str, int | float]:
        """Passes, and seconds for each of so many triggers: fields of a cost."""
        measured = asdict(self)
        return {n: v / count if n.endswith("seconds") else v for n, v in measured.items()}


@contextmanager
def metered(vlm: Vlm) -> Iterator[Meter]:
    """Counts and times what a model does within; back-propagation of anything else as well."""
    meter, began, entered = Meter(), time.perf_counter(), 0.0
    plain_backward = torch.autograd.backward

    def now() -> float:
        if vlm.device.type == "cuda":
            torch.cuda.synchronize(vlm.device)
        return time.perf_counter()

    def enter(_module: Any, _inputs: Any) -> None:
        nonlocal entered
        entered = now()

    def leave(_module: Any, _inputs: Any, _output: Any) -> None:
        if torch.is_grad_enabled():
            meter.gradient_passes += 1
            meter.forward_seconds += now() - entered
        else:
            meter.decoding_passes += 1
            meter.decoding_seconds += now() - entered

    def backward(*given: Any, **named: Any) -> None:
        start = now()
        plain_backward(*given, **named)
        meter.backward_seconds += now() - start

    handles = [
        vlm.model.register_forward_pre_hook(enter),
        vlm.model.register_forward_hook(leave),
    ]
    torch.autograd.backward = backward  # put back below
    try:
        yield meter
    finally:
        torch.autograd.backward = plain_backward
        for handle in handles:
            handle.remove()
        meter.seconds = time.perf_counter() - began


def peak_bytes(devices: Sequence[torch.device]) -> int:
    """Highest memory so far: allocated on CUDA devices in all, resident of this process elsewhere.

    Args:
        devices: that a model is on; of several kinds, what lies on the CPU is not counted.
    """
    if gpus := [device for device in devices if device.type == "cuda"]:
        return sum(torch.cuda.max_memory_allocated(device) for device in gpus)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
