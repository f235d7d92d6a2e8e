"""Training of a small network, with copies kept on the way; the same numbers for the same seed.

Knows nothing of what a training is for.
"""

import copy
import math
from collections.abc import Callable, Sequence

import torch
from pydantic import ConfigDict, Field
from torch import Tensor, nn

from sif.errors import ModelError
from sif.networks.domain import Inputs
from sif.networks.thefts.dataset import Dataset, Targets
from sif.validation import Numeric

Prepare = Callable[[nn.Module, Inputs, Targets], Inputs]
Beside = Callable[[Inputs], Tensor]


class Fit(Numeric):
    """Settings of a training: passes over the data, Adam's rate, examples of a step, its decay."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epochs: float = Field(default=30.0, gt=0, le=1_000_000)
    learning_rate: float = Field(default=3e-3, gt=0)
    batch_size: int = Field(default=64, ge=1, le=10_000_000)
    weight_decay: float = Field(default=0.0, ge=0)

    def steps(self, examples: int) -> int:
        """Updates in the whole training."""
        return max(1, math.ceil(self.epochs * examples / self.batch_size))


def fit(
    network: nn.Module,
    data: Dataset,
    settings: Fit,
    *,
    seed: int,
    learn: Sequence[nn.Parameter] | None = None,
    prepare: Prepare | None = None,
    beside: Beside | None = None,
    after: Callable[[], None] | None = None,
    keep: Sequence[float] = (),
) -> list[nn.Module]:
    """Trains in place; the network is in evaluation mode before and after, and needs no gradient.

    Args:
        network: to be trained; without dropout or batch statistics, which stay as they are.
        data: what to learn.
        settings: how.
        seed: of the order of examples.
        learn: what is trained; None for every parameter.
        prepare: changes a batch's inputs first, given network, inputs and targets.
        beside: another loss, which is added, of a batch's inputs, which the network has just seen.
        after: called after every update.
        keep: shares of the training, ascending, at which a copy is kept.

    Returns:
        The copies.

    Raises:
        ModelError: weights that are no longer finite.
    """
    network.eval().requires_grad_(False)
    parameters = list(network.parameters()) if learn is None else list(learn)
    for parameter in parameters:
        parameter.requires_grad_(True)
    steps = settings.steps(len(data))
    optimiser = torch.optim.AdamW(
        parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    marks = [max(1, round(share * steps)) for share in keep]
    kept: list[nn.Module] = []
    for step, batch in enumerate(_batches(len(data), settings, steps, seed), start=1):
        for group in optimiser.param_groups:  # down to a tenth, so that the end is quiet
            group["lr"] = settings.learning_rate * (1 - 0.9 * step / steps)
        _update(network, data, batch, optimiser, prepare, beside)
        if after is not None:
            after()
        for _ in range(marks.count(step)):
            kept.append(copy.deepcopy(network).requires_grad_(False))
    network.requires_grad_(False)
    if not all(parameter.isfinite().all() for parameter in parameters):
        raise ModelError(
            "expected a training that ends in finite weights, got others; lower the learning rate"
        )
    return kept


def _update(
    network: nn.Module,
    data: Dataset,
    batch: Tensor,
    optimiser: torch.optim.Optimizer,
    prepare: Prepare | None,
    beside: Beside | None,
) -> None:
    inputs, targets = data.inputs[batch], data.targets[batch]
    if prepare is not None:
        inputs = prepare(network, inputs, targets)
    optimiser.zero_grad(set_to_none=True)
    loss = data.loss(network(inputs), targets)
    if beside is not None:
        loss = loss + beside(inputs)
    loss.backward()
    optimiser.step()


def _batches(examples: int, settings: Fit, steps: int, seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    size = min(settings.batch_size, examples)
    order = torch.cat(
        [
            torch.randperm(examples, generator=generator)
            for _ in range(math.ceil(steps * size / examples))
        ]
    )
    return list(order[: steps * size].split(size))
