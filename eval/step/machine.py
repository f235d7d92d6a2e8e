"""What the machine can do and what a process takes of it: matrix peak, memory, time.

Knows nothing of models.
"""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import torch
from torch.nn import functional as F

SMALLEST: Final = 512
LARGEST: Final = 8192
LONG: Final = 0.05
"""Seconds of one product that are enough to be timed."""
REPEATS: Final = 5
STATUS: Final = Path("/proc/self/status")
CLEAR: Final = Path("/proc/self/clear_refs")


def now(device: torch.device) -> float:
    """Seconds, when all that was asked of the device is done.

    With one thread on a CPU those of the processor, to which others on the machine add nothing.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.process_time() if clock(device) == "processor" else time.perf_counter()


def clock(device: torch.device) -> str:
    """Which seconds are counted: of the processor, or of the wall."""
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    return "processor" if alone else "wall"


def seconds(device: torch.device, work: Callable[[], object]) -> float:
    """That some work takes."""
    began = now(device)
    work()
    return now(device) - began


def matrix_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second of the best square product, as linear layers compute it.

    Sizes are doubled until one product takes long enough; each counts by the median of a few.
    """
    best, size = 0.0, SMALLEST
    while True:
        inputs, weight = (
            torch.randn(size, size, dtype=dtype, device=device) for _ in ("inputs", "weight")
        )
        F.linear(inputs, weight)
        times = [seconds(device, partial(F.linear, inputs, weight)) for _ in range(REPEATS)]
        best = max(best, 2 * size**3 / median(times))
        if median(times) >= LONG or size >= LARGEST:
            return best
        size *= 2


class HighWater:
    """The most memory since it was last set back, above what the process had at the beginning.

    On CUDA what is allocated; on Linux's CPUs what is resident, the kernel's high-water mark.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before = self._now() or 0

    def set_back(self) -> None:
        """Begins again with what is there now."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            with suppress(OSError):
                CLEAR.write_text("5", encoding="ascii")

    def peak(self) -> int | None:
        """Bytes; None where nobody tells."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) - self._before
        found = _status("VmHWM")
        return None if found is None else max(0, found - self._before)

    def _now(self) -> int | None:
        if self._device.type == "cuda":
            return torch.cuda.memory_allocated(self._device)
        return _status("VmRSS")


def _status(name: str) -> int | None:
    with suppress(OSError):
        found = re.search(rf"^{name}:\s+(\d+) kB", STATUS.read_text(encoding="ascii"), re.M)
        return 1024 * int(found[1]) if found else None
    return None
