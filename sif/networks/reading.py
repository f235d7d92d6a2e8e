"""How outputs are read before a verifier sees them: as probabilities, their logarithms, or numbers.

Every reading is standardised by what the protected network says to ordinary inputs, so that one
rate of learning fits all tasks. Logits count only through their softmax: an endpoint that gives
probabilities is read alike.
"""

from dataclasses import dataclass
from typing import Final, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from sif.errors import UsageError
from sif.networks.network import Outputs

OutputKind = Literal["logits", "probabilities", "values"]
Read = Literal["plain", "log", "auto"]
LEAST_PROBABILITY: Final = 1e-3
LEAST_SPREAD: Final = 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """From outputs to what verifiers read.

    Attributes:
        kind: what the networks give.
        read: "plain" takes probabilities, or values, as they are; "log" takes logarithms of
            probabilities, centred over the classes; "auto" does that where there are any.
        mean: of each number that is read, over ordinary inputs.
        spread: its standard deviation there.
    """

    kind: OutputKind
    read: Read
    mean: Float[Tensor, " outputs"]
    spread: Float[Tensor, " outputs"]

    def __call__(self, outputs: Outputs) -> Float[Tensor, "batch numbers"]:
        """Standardised numbers, one row for each output."""
        return (_raw(outputs, self.kind, self.read) - self.mean) / self.spread


def learn_reading(outputs: Outputs, kind: OutputKind, read: Read) -> Reading:
    """The reading that has mean 0 and spread 1 on these outputs.

    Args:
        outputs: of the protected network, to ordinary inputs.
        kind: what they are.
        read: how to read them.

    Raises:
        UsageError: logarithms of values, or fewer than two outputs.
    """
    if kind == "values" and read == "log":
        raise UsageError("expected read: plain for outputs that are values, got log")
    if len(outputs) < 2:
        raise UsageError(f"expected at least 2 ordinary inputs, got {len(outputs)}")
    numbers = _raw(outputs, kind, read)
    return Reading(
        kind=kind,
        read=read,
        mean=numbers.mean(0),
        spread=numbers.std(0).clamp(min=LEAST_SPREAD),
    )


def unscaled_reading(outputs: Outputs, kind: OutputKind, read: Read) -> Reading:
    """The reading that takes numbers as they are.

    Args:
        outputs: of any network of the task, for their number.
        kind: what they are.
        read: how to read them.
    """
    numbers = _raw(outputs, kind, read)[0]
    return Reading(
        kind=kind, read=read, mean=torch.zeros_like(numbers), spread=torch.ones_like(numbers)
    )


def _raw(outputs: Tensor, kind: OutputKind, read: Read) -> Tensor:
    flat = outputs.flatten(1)
    if kind == "values":
        return flat
    probabilities = flat.softmax(1) if kind == "logits" else flat
    if read == "plain":
        return probabilities
    logs = probabilities.clamp(min=LEAST_PROBABILITY).log()
    return logs - logs.mean(1, keepdim=True)
