"""What networks learn from: inputs with targets, and the loss that fits the kind of target."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sif.errors import UsageError
from sif.networks.domain import Domain, Inputs
from sif.networks.network import Outputs

Targets = Int[Tensor, " batch"] | Float[Tensor, "batch *outputs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Examples of a task.

    Attributes:
        inputs: inside the domain.
        targets: class numbers (integers; networks then give logits), probabilities of classes
            where `soft`, or numbers of the outputs' shape.
        domain: that all inputs of the task come from.
        soft: targets are probabilities over classes, for networks that give logits.
    """

    inputs: Inputs
    targets: Targets
    domain: Domain
    soft: bool = False

    def __post_init__(self) -> None:
        if not 0 < len(self.inputs) == len(self.targets):
            raise UsageError(
                f"expected as many targets as inputs, and some, got {len(self.inputs)} inputs and "
                f"{len(self.targets)} targets"
            )

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def classes(self) -> bool:
        """Whether the targets are classes, hard or soft, rather than numbers."""
        return self.soft or not self.targets.is_floating_point()

    def part(self, indices: Int[Tensor, " some"]) -> "Dataset":
        """The examples of these indices."""
        return self.retold(self.inputs[indices], self.targets[indices], soft=self.soft)

    def retold(self, inputs: Inputs, targets: Targets, *, soft: bool) -> "Dataset":
        """Other examples of the same domain."""
        return Dataset(inputs=inputs, targets=targets, domain=self.domain, soft=soft)

    def loss(self, outputs: Outputs, targets: Targets) -> Tensor:
        """Cross-entropy for classes, mean squared error for numbers."""
        if self.classes:
            return F.cross_entropy(outputs, targets)
        return F.mse_loss(outputs, targets)


@torch.no_grad()
def score(network: nn.Module, data: Dataset) -> float:
    """How well a network does: accuracy for classes, R² for numbers."""
    outputs = network(data.inputs)
    if data.classes:
        best = data.targets.argmax(1) if data.soft else data.targets
        return float((outputs.argmax(1) == best).float().mean())
    residual = (outputs - data.targets).square().sum()
    return float(1 - residual / (data.targets - data.targets.mean(0)).square().sum())
