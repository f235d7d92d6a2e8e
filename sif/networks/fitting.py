"""Whether a network, the examples and the words of a configuration go together, seen at the start.

Nothing is made or trained before that: a wrong word would otherwise show after minutes, or never.
"""

from typing import Final

import torch
from torch import Tensor, nn

from sif.errors import ModelError, UsageError
from sif.networks.config import TrainConfig
from sif.networks.network import Network
from sif.networks.scale import seen_scale
from sif.networks.thefts.dataset import Dataset
from sif.vlm.plain_words import first_line, shown

ASKED: Final = 64
# What cross-entropy takes: a batch of rows over classes.
ROWS: Final = 2


def require_fit(network: nn.Module, data: Dataset, config: TrainConfig, *, name: str) -> None:
    """Asks a network a few of the examples.

    Raises:
        UsageError: outputs of another scale than the configuration says, or targets that are not
            the network's.
        ModelError: the network does not take such inputs, or gives numbers that are not finite.
    """
    said = _asked(network, data.inputs[:ASKED], shown(name))
    if config.outputs != "values":
        _require_scale(said, config, shown(name))
    _require_targets(said, data, config, shown(name))


def _asked(network: Network, inputs: Tensor, name: str) -> Tensor:
    try:
        with torch.no_grad():
            said = network(inputs)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise ModelError(
            f"{name} does not take inputs of shape {tuple(inputs.shape[1:])}: {first_line(error)}; "
            "name a network of this task, or mend inputs: shape"
        ) from error
    if not isinstance(said, Tensor) or said.dim() < ROWS or len(said) != len(inputs):
        came = tuple(said.shape) if isinstance(said, Tensor) else type(said).__name__
        raise ModelError(f"expected a row of outputs for each input from {name}, got {came}")
    if not torch.isfinite(said).all():
        raise ModelError(f"{name} answers ordinary inputs with numbers that are not finite")
    return said.float()


def _require_scale(said: Tensor, config: TrainConfig, name: str) -> None:
    kind = config.outputs
    scale = seen_scale(said.flatten(1), kind)
    same = {"logits": ("logits", "log-probabilities"), "probabilities": ("probabilities",)}
    if scale not in same[kind]:
        other = scale if scale in ("logits", "probabilities") else "values"
        raise UsageError(
            f"outputs: expected what {name} gives, which are {scale}, got {kind}; write outputs: "
            f"{other}"
        )


def _require_targets(said: Tensor, data: Dataset, config: TrainConfig, name: str) -> None:
    shape, targets = tuple(said.shape[1:]), data.targets
    where = f"targets in {config.data}"
    if not data.classes:
        if tuple(targets.shape[1:]) != shape:
            raise UsageError(
                f"expected {where} of the shape {shape} that {name} gives, got "
                f"{tuple(targets.shape[1:])}"
            )
        if not torch.isfinite(targets).all():
            raise UsageError(f"expected finite numbers as {where}, got others")
        return
    if said.dim() != ROWS or targets.dim() != 1:
        raise UsageError(
            f"expected {where} to be one class of each input, for a network that gives a row of "
            f"logits, got {tuple(targets.shape)} for outputs of shape {shape}"
        )
    least, most = int(targets.min()), int(targets.max())
    if least < 0 or most >= shape[0]:
        raise UsageError(
            f"expected {where} from 0 to {shape[0] - 1}, for {name} gives {shape[0]} numbers, got "
            f"{least} to {most}"
        )
