"""Networks made once: copies and independent ones, kept as weights and found again after a kill.

Knows nothing of fingerprints.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from sif.files import write_atomically
from sif.networks.architecture import Cnn, Mlp, Recurrent, build
from sif.networks.thefts import AnyObfuscation
from sif.networks.thefts.dataset import Dataset
from sif.networks.thefts.fit import Fit, fit
from sif.networks.thefts.obfuscation import copy_of
from sif.networks.weights import digest_network
from sif.plain_files import refuse_pipe

SECONDS: Final = "seconds"
# LiteGuard's: from 35% to 85% of a training.
CHECKPOINTS: Final = (0.35, 0.45, 0.55, 0.65, 0.75, 0.85)


class Job(NamedTuple):
    """Networks that are to be made together: one, and its checkpoints.

    Attributes:
        what: all that decides them, in words.
        skeletons: give networks into which the weights of each can be read.
        make: makes them, the same wherever it is called.
    """

    what: str
    skeletons: Sequence[Callable[[], nn.Module]]
    make: Callable[[], list[nn.Module]]

    @classmethod
    def stolen(cls, network: nn.Module, theft: AnyObfuscation, data: Dataset, seed: int) -> "Job":
        """The copy that a theft leaves."""
        what = f"{digest_network(network)} {theft.model_dump_json()} {digest_data(data)} {seed}"
        student: Mlp | Cnn | Recurrent | None = getattr(theft, "student", None)

        def skeleton() -> nn.Module:
            return copy_of(network) if student is None else build(student, seed=0).eval()

        return cls(what, [skeleton], lambda: [theft(network, data, seed)])

    @classmethod
    def trained(
        cls,
        begin: Callable[[], nn.Module],
        data: Dataset,
        training: Fit,
        seed: int,
        *,
        checkpoints: Sequence[float] = (),
    ) -> "Job":
        """A network after a training; then its checkpoints.

        Args:
            begin: gives the network before the training, always the same.
            data: what it learns.
            training: how.
            seed: of the order of examples.
            checkpoints: shares of the training, ascending.
        """
        first = digest_network(begin())
        kept = tuple(checkpoints)
        what = f"{first} {training.model_dump_json()} {digest_data(data)} {seed} {kept}"

        def make() -> list[nn.Module]:
            network = begin().eval()
            return [network, *fit(network, data, training, seed=seed, keep=checkpoints)]

        return cls(what, [begin] * (1 + len(kept)), make)

    def carry_out(self) -> "Made":
        """Makes them."""
        begun = time.process_time()
        return Made(self.make(), time.process_time() - begun)


@dataclass(frozen=True, slots=True)
class Workshop:
    """A folder of networks, by a digest of all that decides them."""

    folder: Path

    def stolen(self, network: nn.Module, theft: AnyObfuscation, data: Dataset, seed: int) -> "Made":
        """The copy that a theft leaves."""
        return self.once(Job.stolen(network, theft, data, seed))

    def trained(
        self,
        begin: Callable[[], nn.Module],
        data: Dataset,
        training: Fit,
        seed: int,
        *,
        checkpoints: Sequence[float] = (),
    ) -> "Made":
        """A network after a training; then its checkpoints; all as of `Job.trained`."""
        return self.once(Job.trained(begin, data, training, seed, checkpoints=checkpoints))

    def once(self, job: Job) -> "Made":
        """Reads the networks of a job, or makes and keeps them."""
        found = self.find(job)
        if found is not None:
            return found
        made = job.carry_out()
        self.keep(job, made.content())
        return made

    def find(self, job: Job) -> "Made | None":
        """The networks of a job; None where they are not there, or damaged."""
        path = self._path(job)
        return _read(path, job.skeletons) if path.is_file() else None

    def keep(self, job: Job, content: bytes) -> None:
        """Writes what a job left, wherever it was carried out.

        Raises:
            StorageError: the disk refuses.
        """
        write_atomically(self._path(job), content)

    def _path(self, job: Job) -> Path:
        return self.folder / f"{hashlib.sha256(job.what.encode()).hexdigest()[:24]}.safetensors"


class Made(NamedTuple):
    """Networks, and the processor's seconds that making them took.

    Attributes:
        networks: the one that was asked for, then its checkpoints.
        seconds: of the processor.
    """

    networks: list[nn.Module]
    seconds: float

    def content(self) -> bytes:
        """Of the file that they are kept in."""
        tensors = {
            f"{number}/{name}": value.detach().contiguous().clone()
            for number, network in enumerate(self.networks)
            for name, value in network.state_dict().items()
        }
        return save(tensors, metadata={SECONDS: f"{self.seconds:.6f}"})


def _read(path: Path, skeletons: Sequence[Callable[[], nn.Module]]) -> Made | None:
    """The networks, or None where the file is damaged and they are better made again."""
    try:
        refuse_pipe(path)
        with safe_open(path, framework="pt") as stored:
            seconds = float((stored.metadata() or {})[SECONDS])
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        found = []
        for number, skeleton in enumerate(skeletons):
            network, mark = skeleton(), f"{number}/"
            network.load_state_dict(
                {k.removeprefix(mark): v for k, v in tensors.items() if k.startswith(mark)}
            )
            found.append(network.eval().requires_grad_(False))
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError):
        return None
    return Made(found, seconds)


def digest_data(data: Dataset) -> str:
    """SHA-256 (hex) of all examples."""
    digest = hashlib.sha256(f"{data.soft} {data.domain.model_dump_json()}".encode())
    for tensor in (data.inputs, data.targets):
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)};".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
