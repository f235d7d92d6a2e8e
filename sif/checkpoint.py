"""An unfinished training as one safetensors file: trained weights, optimiser state, losses.

Written atomically, so that a kill at any moment leaves the last whole one. Knows nothing of models.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sif.errors import StorageError, UsageError
from sif.files import writing
from sif.staging import staged

WEIGHT, STATE = "weight/", "state/"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The place of one training's checkpoint.

    Attributes:
        file: where it lies, or will.
        digest: of everything that determines the training; another training's file is refused.
    """

    file: Path
    digest: str

    def save(self, losses: Sequence[float], weights: Mapping[str, Tensor], optimiser: Any) -> None:
        """Replaces the file; `losses` holds one number for every update made.

        Raises:
            StorageError: the disk refuses.
        """
        tensors = {WEIGHT + name: tensor.detach() for name, tensor in weights.items()}
        for index, fields in optimiser.state_dict()["state"].items():
            tensors |= {f"{STATE}{index}/{field}": value for field, value in fields.items()}
        tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
        about = {"losses": json.dumps(list(losses)), "digest": self.digest}
        with writing(self.file):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with staged(self.file) as place:
                save_file(tensors, place, metadata=about)
                with place.open("rb") as written:
                    os.fsync(written.fileno())
                place.replace(self.file)

    def resume(self, weights: Mapping[str, Tensor], optimiser: Any) -> list[float]:
        """Restores weights and optimiser state in place; the losses so far, none without a file.

        Raises:
            StorageError: the file is damaged.
            UsageError: it belongs to a training with other settings, data or weights.
        """
        if not self.file.exists():
            return []
        try:
            with safe_open(self.file, framework="pt") as stored:
                about = stored.metadata()
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise StorageError(f"damaged checkpoint {self.file} ({error}); remove it") from error
        if about.get("digest") != self.digest:
            raise UsageError(
                f"{self.file} holds an unfinished training with other settings, data or weights; "
                "repeat that command or remove the file"
            )
        with torch.no_grad():
            for name, weight in weights.items():
                weight.copy_(tensors[WEIGHT + name])
        optimiser.load_state_dict(
            {"state": _states(tensors), "param_groups": optimiser.state_dict()["param_groups"]}
        )
        losses: list[float] = json.loads(about["losses"])
        return losses


def _states(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(STATE):
            index, field = name.removeprefix(STATE).split("/")
            states.setdefault(int(index), {})[field] = tensor
    return states
