"""What inputs a network takes: their shape, the range of every feature, and how they are stored.

And what is made of them for fingerprints: where those begin, and random changes of them while they
are trained, so that they do not sit on a needle.

A domain with `levels` (256 for 8-bit images) holds only that many evenly spaced values, so that an
input is the same after it was written as an image. Knows nothing of networks.
"""

import math
from typing import Final, Literal

import torch
from jaxtyping import Float
from pydantic import ConfigDict, Field, model_validator
from torch import Tensor
from torch.nn import functional as F

from sif.errors import UsageError
from sif.validation import Numeric

Inputs = Float[Tensor, "batch *features"]
Fingerprints = Float[Tensor, "fingerprints *features"]
Start = Literal["data", "mixed", "noise"]
MIX_NOISE: Final = 0.1
IMAGE_AXES: Final = 3


class Domain(Numeric):
    """The box that inputs live in.

    Attributes:
        shape: of one input, without the batch: (channels, height, width), (features,) or
            (positions, features).
        lower: least value, for all features or one for each along the last axis.
        upper: largest value, likewise.
        levels: number of values between the two that can be stored; None for any. 2 to 256.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

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


def starting_inputs(
    start: Start, number: int, domain: Domain, ordinary: Inputs, generator: torch.Generator
) -> Fingerprints:
    """Inputs inside the domain, as many as asked for.

    Args:
        start: "data" takes ordinary inputs without repeats, filled up with noise where they are
            too few; "mixed" goes halfway between two ordinary ones drawn at random and adds noise
            of a tenth of every feature's range; "noise" draws evenly from the domain.
        number: of inputs.
        domain: theirs.
        ordinary: inputs of the task.
        generator: of everything that is drawn.
    """
    if start == "mixed":
        return _mixed(number, domain, ordinary, generator)
    chosen = torch.randperm(len(ordinary), generator=generator)[:number]
    taken = ordinary[chosen] if start == "data" else ordinary[:0]
    return torch.cat([taken, domain.sample(number - len(taken), generator)])


def transformed(
    inputs: Inputs,
    domain: Domain,
    *,
    jitter: float,
    shift: int,
    generator: torch.Generator,
) -> Inputs:
    """Inputs with noise and, where they are images, one random shift; inside the domain, as stored.

    Args:
        inputs: inside the domain.
        domain: theirs.
        jitter: standard deviation of the noise, as a share of the domain's span.
        shift: largest shift along height and width, in pixels; edges are repeated.
        generator: of the noise and the shift.
    """
    moved = inputs
    if shift and len(domain.shape) == IMAGE_AXES:
        down, right = torch.randint(0, 2 * shift + 1, (2,), generator=generator).tolist()
        wide = F.pad(inputs, (shift,) * 4, mode="replicate")
        height, width = domain.shape[1:]
        moved = wide[:, :, down : down + height, right : right + width]
    if jitter:
        moved = moved + jitter * domain.span * torch.randn(moved.shape, generator=generator)
    return domain.store_straight_through(moved)


def _mixed(
    number: int, domain: Domain, ordinary: Inputs, generator: torch.Generator
) -> Fingerprints:
    first, second = torch.randint(len(ordinary), (2, number), generator=generator)
    noise = torch.randn(number, *domain.shape, generator=generator)
    ranges = ordinary.amax(0) - ordinary.amin(0)
    halfway = (ordinary[first] + ordinary[second]) / 2
    return domain.clamp(halfway + MIX_NOISE * ranges * noise)
