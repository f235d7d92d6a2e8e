"""Networks made once: copies and independent ones, kept as weights and found again after a kill.

Knows nothing of fingerprints.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from sif.attacks.networks import AnyObfuscation
from sif.attacks.networks.dataset import Dataset
from sif.attacks.networks.fit import Fit, fit
from sif.attacks.networks.layers import afresh, copy_of
from sif.files import write_atomically
from sif.metav.architecture import Cnn, Mlp, Recurrent, build
from sif.metav.weights import digest_network

# LiteGuard's: from 35% to 85% of a training.
CHECKPOINTS: Final = (0.35, 0.45, 0.55, 0.65, 0.75, 0.85)


@dataclass(frozen=True, slots=True)
class Workshop:
    """A folder of networks, by a digest of all that decides them."""

    folder: Path

    def stolen(
        self, network: nn.Module, theft: AnyObfuscation, data: Dataset, seed: int
    ) -> nn.Module:
        """The copy that a theft leaves."""
        what = f"{digest_network(network)} {theft.model_dump_json()} {digest_data(data)} {seed}"
        student: Mlp | Cnn | Recurrent | None = getattr(theft, "student", None)

        def skeleton() -> nn.Module:
            return copy_of(network) if student is None else build(student, seed=0).eval()

        return self._once(what, [skeleton], lambda: [theft(network, data, seed)])[0]

    def trained(
        self,
        like: nn.Module | Mlp | Cnn | Recurrent,
        data: Dataset,
        training: Fit,
        seed: int,
        *,
        checkpoints: Sequence[float] = (),
    ) -> list[nn.Module]:
        """A network with new initial weights, trained; then its checkpoints.

        Args:
            like: its architecture, named or by example.
            data: what it learns.
            training: how.
            seed: of its weights and of the order of examples.
            checkpoints: shares of the training, ascending.
        """
        named = not isinstance(like, nn.Module)
        kind = like.model_dump_json() if named else f"{digest_network(like)} afresh"  # type: ignore[union-attr]
        what = f"{kind} {training.model_dump_json()} {digest_data(data)} {seed} {checkpoints}"

        def fresh() -> nn.Module:
            if isinstance(like, nn.Module):
                return afresh(like, seed=seed)
            return build(like, seed=seed).eval()

        def make() -> list[nn.Module]:
            network = fresh()
            kept = fit(network, data, training, seed=seed, keep=checkpoints)
            return [network, *kept]

        return self._once(what, [fresh] * (1 + len(checkpoints)), make)

    def _once(
        self,
        what: str,
        skeletons: Sequence[Callable[[], nn.Module]],
        make: Callable[[], list[nn.Module]],
    ) -> list[nn.Module]:
        """Reads the networks of this description, or makes and keeps them."""
        path = self.folder / f"{hashlib.sha256(what.encode()).hexdigest()[:24]}.safetensors"
        if path.is_file():
            found = _read(path, skeletons)
            if found is not None:
                return found
        made = make()
        tensors = {
            f"{number}/{name}": value.detach().contiguous().clone()
            for number, network in enumerate(made)
            for name, value in network.state_dict().items()
        }
        write_atomically(path, save(tensors))
        return made


def _read(path: Path, skeletons: Sequence[Callable[[], nn.Module]]) -> list[nn.Module] | None:
    """The networks, or None where the file is damaged and they are better made again."""
    try:
        tensors = load_file(path)
        found = []
        for number, skeleton in enumerate(skeletons):
            network, mark = skeleton(), f"{number}/"
            network.load_state_dict(
                {k.removeprefix(mark): v for k, v in tensors.items() if k.startswith(mark)}
            )
            found.append(network.eval().requires_grad_(False))
    except (OSError, SafetensorError, RuntimeError):
        return None
    return found


def digest_data(data: Dataset) -> str:
    """SHA-256 (hex) of all examples."""
    digest = hashlib.sha256(f"{data.soft} {data.domain.model_dump_json()}".encode())
    for tensor in (data.inputs, data.targets):
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)};".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
