"""Random changes of inputs while fingerprints are trained, so that they do not sit on a needle.

Noise for every kind of input; shifts by whole pixels for images. Gradients pass through.
"""

import torch

from sif.networks.domain import Domain
from sif.networks.network import Inputs

IMAGE_AXES = 3


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
        wide = torch.nn.functional.pad(inputs, (shift,) * 4, mode="replicate")
        height, width = domain.shape[1:]
        moved = wide[:, :, down : down + height, right : right + width]
    if jitter:
        moved = moved + jitter * domain.span * torch.randn(moved.shape, generator=generator)
    return domain.store_straight_through(moved)
