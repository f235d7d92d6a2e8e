"""How many work, where, and with what each: what `--jobs` and `--ray` say. Hires nobody itself."""

import math
import re
from dataclasses import dataclass
from typing import Final

from sif.errors import UsageError

LOCAL: Final = "local"
AUTO: Final = "auto"
ADDRESS: Final = re.compile(r"(?:\[[0-9a-fA-F:]{2,45}\]|[A-Za-z0-9_.-]{1,253}):([0-9]{1,5})")
MOST_JOBS: Final = 10_000
MOST_THREADS: Final = 1024
MOST_OF_A_WORKER: Final = 1_000_000
LOSSES: Final = 10
"""Workers that one part may lose before it is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workforce:
    """Who is to work.

    Attributes:
        jobs: parts that are carried out at once; None is this process alone, or on Ray as many
            workers as the cluster has room for.
        ray: `local` for a cluster of this machine that ends with the work, `auto` for the one that
            runs here or that RAY_ADDRESS names, HOST:PORT for that one; None for processes.
        threads: that each worker computes with; None is one where there are several workers, and
            what the process has where it is alone.
        cpus: of the cluster, that a worker takes.
        gpus: of the cluster, that a worker takes, also a part of one; None is one for each where
            the work wants one.
        memory: GiB that a worker takes; None does not ask for any.
        losses: workers that one part may lose before it is given up.

    Raises:
        UsageError: a number that makes no sense, or no address.
    """

    jobs: int | None = None
    ray: str | None = None
    threads: int | None = None
    cpus: float = 1.0
    gpus: float | None = None
    memory: float | None = None
    losses: int = LOSSES

    def __post_init__(self) -> None:
        if self.jobs is not None and not 1 <= self.jobs <= MOST_JOBS:
            wanted = "at least 1 job" if self.jobs < 1 else f"at most {MOST_JOBS} jobs"
            raise UsageError(f"expected {wanted}, got {self.jobs}; leave --jobs out for one")
        if self.threads is not None and not 1 <= self.threads <= MOST_THREADS:
            wanted = "at least 1 thread" if self.threads < 1 else f"at most {MOST_THREADS} threads"
            raise UsageError(f"expected {wanted}, got {self.threads}; leave --threads out")
        for name, value in (("cpus", self.cpus), ("gpus", self.gpus), ("memory", self.memory)):
            if value is not None and not 0 <= value <= MOST_OF_A_WORKER:
                raise UsageError(
                    f"worker {name}: expected a number from 0 to {MOST_OF_A_WORKER}, got {value:g};"
                    " leave it out"
                )
        if self.gpus is not None and self.gpus > 1 and self.gpus % 1:
            raise UsageError(
                f"worker gpus: expected a part of one, or whole ones, got {self.gpus:g}; give "
                f"{math.ceil(self.gpus)}"
            )
        if self.ray is not None:
            _check_address(self.ray)

    @property
    def is_alone(self) -> bool:
        """Whether this process works by itself."""
        return self.ray is None and self.jobs in (None, 1)

    @property
    def worker_threads(self) -> int:
        """That each of several workers computes with."""
        return self.threads or 1


def _check_address(text: str) -> None:
    if text in (LOCAL, AUTO):
        return
    found = ADDRESS.fullmatch(text)
    if found is None or not 0 < int(found[1]) < 65536:
        client = "; run this on a node of the cluster" if text.startswith("ray://") else ""
        raise UsageError(
            f"--ray: expected local, auto or HOST:PORT, got {ascii(text)[:80]}{client}"
        )
