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


@dataclass(frozen=True, slots=True)
class Workshop:
    """A folder of networks, by a digest of all that decides them."""

    folder: Path

    def stolen(self, network: nn.Module, theft: AnyObfuscation, data: Dataset, seed: int) -> "Made":
        """The copy that a theft leaves."""
        what = f"{digest_network(network)} {theft.model_dump_json()} {digest_data(data)} {seed}"
        student: Mlp | Cnn | Recurrent | None = getattr(theft, "student", None)

        def skeleton() -> nn.Module:
            return copy_of(network) if student is None else build(student, seed=0).eval()

        return self._once(what, [skeleton], lambda: [theft(network, data, seed)])

    def trained(
        self,
        begin: Callable[[], nn.Module],
        data: Dataset,
        training: Fit,
        seed: int,
        *,
        checkpoints: Sequence[float] = (),
    ) -> "Made":
        """A network after a training; then its checkpoints.

        Args:
            begin: gives the network before the training, always the same.
            data: what it learns.
            training: how.
            seed: of the order of examples.
            checkpoints: shares of the training, ascending.
        """
        first = digest_network(begin())
        what = f"{first} {training.model_dump_json()} {digest_data(data)} {seed} {checkpoints}"

        def make() -> list[nn.Module]:
            network = begin().eval()
            kept = fit(network, data, training, seed=seed, keep=checkpoints)
            return [network, *kept]

        return self._once(what, [begin] * (1 + len(checkpoints)), make)

    def _once(
        self,
        what: str,
        skeletons: Sequence[Callable[[], nn.Module]],
        make: Callable[[], list[nn.Module]],
    ) -> "Made":
        """Reads the networks of this description, or makes and keeps them."""
        path = self.folder / f"{hashlib.sha256(what.encode()).hexdigest()[:24]}.safetensors"
        if path.is_file():
            found = _read(path, skeletons)
            if found is not None:
                return found
        begun = time.process_time()
        made = make()
        seconds = time.process_time() - begun
        tensors = {
            f"{number}/{name}": value.detach().contiguous().clone()
            for number, network in enumerate(made)
            for name, value in network.state_dict().items()
        }
        write_atomically(path, save(tensors, metadata={SECONDS: f"{seconds:.6f}"}))
        return Made(made, seconds)


class Made(NamedTuple):
    """Networks, and the processor's seconds that making them took.

    Attributes:
        networks: the one that was asked for, then its checkpoints.
        seconds: of the processor.
    """

    networks: list[nn.Module]
    seconds: float


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
