"""Generators that a seed and a place in the work determine, so that a resumed run draws alike."""

import numpy as np
import torch


def generator(seed: int, *place: int) -> torch.Generator:
    """The generator of one place, on the CPU; never for secrets."""
    state = np.random.SeedSequence([seed, *place]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))
