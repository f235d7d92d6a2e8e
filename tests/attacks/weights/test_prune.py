from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from sif.attacks.weights.attack import Workbench
from sif.attacks.weights.parts import linear_layers
from sif.attacks.weights.prune import Prune
from sif.vlm.folder import load_model


@pytest.mark.parametrize("fraction", [0.2, 0.4])
def test_every_layer_loses_exactly_the_fraction(
    folder: Path, tmp_path: Path, fraction: float
) -> None:
    model = load_model(folder)
    Prune(fraction=fraction).apply(model, None, Workbench(scratch=tmp_path))
    for layer in linear_layers(model).values():
        zeros = int((layer.weight == 0).sum())
        assert zeros == round(fraction * layer.weight.numel())


def test_the_smallest_weights_go_and_the_rest_stays(folder: Path, tmp_path: Path) -> None:
    before, after = load_model(folder), load_model(folder)
    Prune(fraction=0.3).apply(after, None, Workbench(scratch=tmp_path))
    for old, new in zip(linear_layers(before).values(), linear_layers(after).values(), strict=True):
        gone = new.weight == 0
        assert old.weight[gone].abs().max() <= old.weight[~gone].abs().min()
        assert torch.equal(old.weight[~gone], new.weight[~gone])


def test_output_head_and_embeddings_are_left_alone(folder: Path, tmp_path: Path) -> None:
    before, after = load_model(folder), load_model(folder)
    Prune(fraction=0.3).apply(after, None, Workbench(scratch=tmp_path))
    for part in ("get_output_embeddings", "get_input_embeddings"):
        assert torch.equal(getattr(before, part)().weight, getattr(after, part)().weight)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_fractions_outside_0_and_1_are_refused(fraction: float) -> None:
    with pytest.raises(ValidationError):
        Prune(fraction=fraction)
