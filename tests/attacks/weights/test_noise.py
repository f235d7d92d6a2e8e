from pathlib import Path

import pytest
import torch

from sif.attacks.weights.attack import Workbench
from sif.attacks.weights.noise import Noise
from sif.attacks.weights.parts import linear_layers
from sif.vlm.folder import load_model


def _noise(folder: Path, scratch: Path, *, seed: int) -> dict[str, torch.Tensor]:
    model = load_model(folder, dtype=torch.float32)
    before = {name: layer.weight.clone() for name, layer in linear_layers(model).items()}
    Noise(sigma=0.1, seed=seed).apply(model, None, Workbench(scratch=scratch))
    return {
        name: (layer.weight - before[name]) / before[name].std()
        for name, layer in linear_layers(model).items()
    }


def test_noise_is_the_fraction_of_each_layers_own_spread(folder: Path, tmp_path: Path) -> None:
    for noise in _noise(folder, tmp_path, seed=1).values():
        assert noise.std().item() == pytest.approx(0.1, rel=0.03)
        assert noise.mean().abs().item() < 0.005


def test_the_seed_decides_the_noise(untrained_llava: Path, tmp_path: Path) -> None:
    first, same, other = (_noise(untrained_llava, tmp_path, seed=seed) for seed in (1, 1, 2))
    for name, noise in first.items():
        assert torch.equal(noise, same[name])
        assert not torch.allclose(noise, other[name], atol=0.01)
