"""Linear classifiers of small inputs, whose boundaries are known."""

import torch
from torch import Tensor

DIRECTIONS = 12.0 * torch.tensor([[1.0, 0.0], [-0.5, 0.866], [-0.5, -0.866]])


def thirds(inputs: Tensor) -> Tensor:
    """Three classes of points around (0.5, 0.5): the nearest of three directions."""
    return (inputs - 0.5) @ DIRECTIONS.T


def turned(degrees: float):
    """The same with its boundaries turned."""
    angle = torch.deg2rad(torch.tensor(degrees))
    turn = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]])
    return lambda inputs: (inputs - 0.5) @ turn @ DIRECTIONS.T


def points(number: int) -> Tensor:
    """Points around the middle."""
    return 0.5 + 0.35 * (torch.rand(number, 2, generator=torch.Generator().manual_seed(3)) - 0.5)
