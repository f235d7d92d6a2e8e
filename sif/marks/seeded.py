"""Generators that a seed and a place in the work determine, so that a resumed run draws alike."""

import numpy as np
import torch


def generator_at(seed: int, *place: int) -> torch.Generator:
    """The generator of one place, such as a step and what is drawn there; on the CPU.

    Never for secrets.
    """
    state = np.random.SeedSequence([seed, *place]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))
