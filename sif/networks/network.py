"""A network as everybody sees it: a batch of inputs in, a batch of outputs out.

Knows nothing of weights, of where a network runs, or of what outputs mean.
"""

from typing import Final, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from sif.errors import ModelError
from sif.networks.domain import Inputs
from sif.vlm.plain_words import first_line, shown

Outputs = Float[Tensor, "batch *outputs"]
LONGEST_NAME: Final = 200


class MisfitError(ValueError):
    """What a network wants or gives is not the task's; its words go on from the network's name."""


@runtime_checkable
class Network(Protocol):
    """Any callable from a batch of inputs to a batch of outputs, a torch module among them."""

    def __call__(self, inputs: Tensor, /) -> Tensor:
        """The outputs, one for each input."""
        ...


def answer(network: Network, inputs: Inputs, *, outputs: tuple[int, ...], name: str) -> Outputs:
    """What a network says to inputs; numbers that are not finite are left for the caller to see.

    Args:
        network: asked without gradients.
        inputs: one batch.
        outputs: expected shape of one output.
        name: of the network, for messages.

    Raises:
        ModelError: the network does not take such inputs, or gives outputs of another shape.
    """
    name = shown(name, longest=LONGEST_NAME)
    try:
        with torch.no_grad():
            said = network(inputs)
    except MisfitError as error:
        raise ModelError(f"{name} {error}") from error
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise ModelError(
            f"{name} does not take inputs of shape {tuple(inputs.shape[1:])}: "
            f"{first_line(error)}; name a network of this task"
        ) from error
    if not isinstance(said, Tensor) or tuple(said.shape) != (len(inputs), *outputs):
        came = tuple(said.shape[1:]) if isinstance(said, Tensor) else type(said).__name__
        raise ModelError(
            f"expected outputs of shape {outputs} from {name}, got {came}; "
            "only networks of the protected one's shapes can be compared with it"
        )
    return said.float()
