"""Encoder and decoder of the injected mode: two small networks. Know no models.

Layer sizes as in the authors' earlier code: encoder (d + n) → 1024 → d, decoder d → 512 → n.
"""

from typing import Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

ENCODER_WIDTH: Final = 1024
DECODER_WIDTH: Final = 512


class Encoder(nn.Module):
    """Writes a message into the vector of one token.

    Args:
        width: d, of the blocks' hidden states.
        bits: n.
        scale: the outputs lie in (−scale, scale); the size of the block's largest activations.
    """

    def __init__(self, width: int, bits: int, *, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.layers = nn.Sequential(
            nn.Linear(width + bits, ENCODER_WIDTH), nn.ReLU(), nn.Linear(ENCODER_WIDTH, width)
        )

    def forward(
        self, token: Float[Tensor, "batch hidden"], messages: Bool[Tensor, "batch bits"]
    ) -> Float[Tensor, "batch hidden"]:
        """The vector that takes the token's place."""
        signs = 2.0 * messages.to(token) - 1.0
        made: Tensor = self.layers(torch.cat([token / self.scale, signs], -1))
        return self.scale * made.tanh()


class Decoder(nn.Module):
    """Reads a message from a representation.

    Args:
        width: of the representation.
        bits: n.
    """

    def __init__(self, width: int, bits: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, DECODER_WIDTH),
            nn.ReLU(),
            nn.Linear(DECODER_WIDTH, bits),
        )

    def forward(self, features: Float[Tensor, "batch features"]) -> Float[Tensor, "batch bits"]:
        """Logits; above 0 for a 1."""
        logits: Tensor = self.layers(features)
        return logits


def inject(
    hidden: Float[Tensor, "batch positions hidden"],
    messages: Bool[Tensor, "batch bits"],
    *,
    encoder: Encoder,
    token: int,
) -> Float[Tensor, "batch positions hidden"]:
    """A block's output with one token replaced by what the encoder makes of it and a message."""
    written = encoder(hidden[:, token], messages)
    return torch.cat([hidden[:, :token], written[:, None], hidden[:, token + 1 :]], 1)
