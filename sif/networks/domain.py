"""What inputs a network takes: their shape, the range of every feature, and how they are stored.

A domain with `levels` (256 for 8-bit images) holds only that many evenly spaced values, so that an
input is the same after it was written as an image. Knows nothing of networks.
"""

import math

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from sif.errors import UsageError

Inputs = Float[Tensor, "batch *features"]
Fingerprints = Float[Tensor, "fingerprints *features"]


class Domain(BaseModel):
    """The box that inputs live in.

    Attributes:
        shape: of one input, without the batch: (channels, height, width), (features,) or
            (positions, features).
        lower: least value, for all features or one for each along the last axis.
        upper: largest value, likewise.
        levels: number of values between the two that can be stored; None for any. 2 to 256.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[int, ...] = Field(min_length=1)
    lower: float | tuple[float, ...] = 0.0
    upper: float | tuple[float, ...] = 1.0
    levels: int | None = Field(default=None, ge=2, le=256)

    @model_validator(mode="after")
    def _check(self) -> "Domain":
        if min(self.shape) < 1:
            raise ValueError(f"expected positive sizes in shape, got {self.shape}")
        for name in ("lower", "upper"):
            bound = getattr(self, name)
            if isinstance(bound, tuple) and len(bound) != self.shape[-1]:
                raise ValueError(
                    f"expected one number or {self.shape[-1]} for {name}, got {len(bound)}"
                )
        if not torch.isfinite(self.span).all() or (self.span <= 0).any():
            raise ValueError("expected finite bounds, lower below upper for every feature")
        return self

    @property
    def floor(self) -> Tensor:
        """The lower bounds as a tensor that broadcasts over inputs."""
        return torch.tensor(self.lower, dtype=torch.float32)

    @property
    def span(self) -> Tensor:
        """Upper less lower bounds, which broadcast likewise."""
        return torch.tensor(self.upper, dtype=torch.float32) - self.floor

    @property
    def size(self) -> int:
        """Numbers in one input."""
        return math.prod(self.shape)

    def at(self, places: Inputs) -> Inputs:
        """The inputs at these places in the unit box."""
        return self.floor + self.span * places

    def places(self, inputs: Inputs) -> Inputs:
        """Where in the unit box these inputs are."""
        return (self.clamp(inputs) - self.floor) / self.span

    def clamp(self, inputs: Inputs) -> Inputs:
        """The nearest inputs inside the box."""
        return torch.minimum(torch.maximum(inputs, self.floor), self.floor + self.span)

    def store(self, inputs: Inputs) -> Inputs:
        """What is read back after storing: inside the box, at one of the levels where there are."""
        inside = self.clamp(inputs)
        if self.levels is None:
            return inside
        return self.floor + self._codes(inside) * self.span / (self.levels - 1)

    def store_straight_through(self, inputs: Inputs) -> Inputs:
        """As `store`, with the gradient of the identity."""
        return inputs + (self.store(inputs) - inputs).detach()

    def encode(self, inputs: Inputs) -> Tensor:
        """As bytes where there are levels (uint8 codes), else as the float32 numbers they are."""
        if self.levels is None:
            return inputs.float().contiguous()
        return self._codes(self.clamp(inputs)).to(torch.uint8)

    def decode(self, stored: Tensor) -> Inputs:
        """The inputs that `encode` wrote.

        Raises:
            UsageError: another type or shape than this domain's.
        """
        kind = torch.float32 if self.levels is None else torch.uint8
        if stored.dtype != kind or tuple(stored.shape[1:]) != self.shape:
            raise UsageError(
                f"expected {kind} inputs of shape {self.shape}, got {stored.dtype} of "
                f"{tuple(stored.shape[1:])}"
            )
        if self.levels is None:
            return stored
        return self.floor + stored.float() * self.span / (self.levels - 1)

    def sample(self, number: int, generator: torch.Generator) -> Fingerprints:
        """Inputs drawn evenly from the box."""
        return self.at(torch.rand(number, *self.shape, generator=generator))

    def check(self, inputs: Tensor, what: str) -> Inputs:
        """The inputs themselves, as float32.

        Raises:
            UsageError: another shape, not finite, or outside of the box.
        """
        if tuple(inputs.shape[1:]) != self.shape:
            raise UsageError(
                f"expected {what} of shape {self.shape}, got {tuple(inputs.shape[1:])}"
            )
        values = inputs.float()
        slack = 1e-5 * self.span
        outside = (values < self.floor - slack) | (values > self.floor + self.span + slack)
        if not torch.isfinite(values).all() or outside.any():
            raise UsageError(
                f"expected {what} inside the bounds, got values from {values.min():.4g} to "
                f"{values.max():.4g}; widen lower and upper, or scale the data"
            )
        return self.clamp(values)

    def _codes(self, inside: Inputs) -> Inputs:
        levels = 1 if self.levels is None else self.levels
        return ((inside - self.floor) / self.span * (levels - 1)).round()
