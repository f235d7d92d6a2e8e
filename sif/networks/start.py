"""Where fingerprints begin: ordinary inputs, what lies between two of them, or noise."""

from typing import Final, Literal

import torch

from sif.networks.domain import Domain, Fingerprints, Inputs

Start = Literal["data", "mixed", "noise"]
MIX_NOISE: Final = 0.1


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


def _mixed(
    number: int, domain: Domain, ordinary: Inputs, generator: torch.Generator
) -> Fingerprints:
    first, second = torch.randint(len(ordinary), (2, number), generator=generator)
    noise = torch.randn(number, *domain.shape, generator=generator)
    ranges = ordinary.amax(0) - ordinary.amin(0)
    halfway = (ordinary[first] + ordinary[second]) / 2
    return domain.clamp(halfway + MIX_NOISE * ranges * noise)
