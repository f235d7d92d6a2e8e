"""Named architectures: a small network built from a description that fits into a file's header.

Weights then need no code of their own to be loaded. Knows nothing of data, training or files.
"""

import math
from typing import Annotated, Final, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

ACTIVATIONS: Final = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "silu": nn.SiLU}
Activation = Literal["relu", "tanh", "gelu", "silu"]
Width = Annotated[int, Field(ge=1, le=65536)]


class _Description(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mlp(_Description):
    """Fully connected layers over the flattened input.

    Attributes:
        inputs: shape of one input.
        widths: of the hidden layers.
        outputs: shape of one output.
        activation: between layers.
        squash: ends with a sigmoid, for outputs in [0, 1].
    """

    kind: Literal["mlp"] = "mlp"
    inputs: tuple[Width, ...]
    widths: tuple[Width, ...]
    outputs: tuple[Width, ...]
    activation: Activation = "relu"
    squash: bool = False


class Cnn(_Description):
    """Convolutions 3 by 3 of stride 1 with 2 by 2 average pooling behind each, then one layer.

    Attributes:
        inputs: channels, height, width.
        channels: of the convolutions.
        outputs: shape of one output.
        activation: behind each convolution.
    """

    kind: Literal["cnn"] = "cnn"
    inputs: tuple[Width, Width, Width]
    channels: tuple[Width, ...] = Field(min_length=1)
    outputs: tuple[Width, ...]
    activation: Activation = "relu"


class Recurrent(_Description):
    """A recurrent network over positions; a linear layer reads its last state.

    Attributes:
        inputs: positions, features.
        hidden: width of the state.
        layers: of recurrence.
        outputs: shape of one output.
        cell: of the recurrence.
    """

    kind: Literal["recurrent"] = "recurrent"
    inputs: tuple[Width, Width]
    hidden: Width
    layers: int = Field(default=1, ge=1, le=16)
    outputs: tuple[Width, ...]
    cell: Literal["gru", "lstm", "tanh"] = "gru"


Architecture = Annotated[Mlp | Cnn | Recurrent, Field(discriminator="kind")]


def build(architecture: Mlp | Cnn | Recurrent, *, seed: int) -> nn.Module:
    """The network, with initial weights that the seed decides."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        match architecture:
            case Mlp():
                return _mlp(architecture)
            case Cnn():
                return _cnn(architecture)
            case Recurrent():
                return _Reader(architecture)


def _mlp(it: Mlp) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten()]
    width = math.prod(it.inputs)
    for hidden in it.widths:
        layers += [nn.Linear(width, hidden), ACTIVATIONS[it.activation]()]
        width = hidden
    layers += [nn.Linear(width, math.prod(it.outputs))]
    layers += [nn.Sigmoid()] if it.squash else []
    return nn.Sequential(*layers, nn.Unflatten(1, it.outputs))


def _cnn(it: Cnn) -> nn.Module:
    layers: list[nn.Module] = []
    channels, height, width = it.inputs
    for wide in it.channels:
        layers += [nn.Conv2d(channels, wide, 3, padding=1), ACTIVATIONS[it.activation]()]
        layers += [nn.AvgPool2d(2, ceil_mode=True)]
        channels, height, width = wide, (height + 1) // 2, (width + 1) // 2
    last = nn.Linear(channels * height * width, math.prod(it.outputs))
    return nn.Sequential(*layers, nn.Flatten(), last, nn.Unflatten(1, it.outputs))


class _Reader(nn.Module):
    def __init__(self, it: Recurrent) -> None:
        super().__init__()
        kinds = {"gru": nn.GRU, "lstm": nn.LSTM, "tanh": nn.RNN}
        self.body = kinds[it.cell](it.inputs[1], it.hidden, it.layers, batch_first=True)
        self.head = nn.Sequential(
            nn.Linear(it.hidden, math.prod(it.outputs)), nn.Unflatten(1, it.outputs)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        states, _ = self.body(inputs)
        read: Tensor = self.head(states[:, -1])
        return read
