"""The attacks on weights take plain vision models as they take LVLMs."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

from sif.attacks.weights.attack import WeightAttack
from sif.attacks.weights.drop_layers import DropLayers
from sif.attacks.weights.examples import Example
from sif.attacks.weights.finetune import Finetune
from sif.attacks.weights.layerwise import Noise, Prune, Round
from sif.attacks.weights.merge import Interpolate
from sif.attacks.weights.provenance import Provenance
from sif.attacks.weights.quantize import Quantize
from sif.attacks.weights.schedule import Training
from sif.attacks.weights.theft import steal
from sif.errors import ModelError, UsageError
from sif.marks.tower_folder import load_any
from tests.attacks.weights.vision_folders import write

KINDS = ("dinov2", "vit", "clip", "siglip", "dinov2-classifier")


@pytest.mark.parametrize("kind", KINDS)
def test_a_pruned_vision_model_is_a_folder_with_zeros_and_provenance(
    kind: str, tmp_path: Path
) -> None:
    source = write(kind, tmp_path / "source")
    steal(source, tmp_path / "copy", [Prune(fraction=0.25)], device="cpu")
    layers = [m for m in load_any(tmp_path / "copy").modules() if isinstance(m, nn.Linear)]
    assert layers
    assert all(abs((m.weight == 0).float().mean() - 0.25) < 0.05 for m in layers)
    assert Provenance.load(tmp_path / "copy").attacks[0].attack == "prune"


@pytest.mark.parametrize(
    "attack", [Noise(sigma=0.1), Round(bits=4), Quantize(kind="int8"), Quantize(kind="nf4")]
)
def test_worn_weights_are_other_weights_near_by(attack: WeightAttack, tmp_path: Path) -> None:
    source = write("dinov2", tmp_path / "source")
    steal(source, tmp_path / "copy", [attack], device="cpu")
    before, after = (
        {n: m.weight for n, m in load_any(folder).named_modules() if isinstance(m, nn.Linear)}
        for folder in (source, tmp_path / "copy")
    )
    for name, weight in before.items():
        away = (after[name] - weight).norm() / weight.norm()
        # On a CPU, bitsandbytes' blocks of 64 are coarser where a row is shorter than a block.
        assert 0 < away < (0.3 if weight.shape[1] >= 64 else 0.5), name


def test_a_merged_model_lies_half_way(tmp_path: Path) -> None:
    source = write("clip", tmp_path / "source")
    other = write("clip", tmp_path / "other", seed=1)
    steal(source, tmp_path / "copy", [Interpolate(other=str(other))], device="cpu")
    ours, theirs, merged = (
        dict(load_any(f).named_parameters()) for f in (source, other, tmp_path / "copy")
    )
    for name, weight in merged.items():
        assert torch.allclose(weight, (ours[name] + theirs[name]) / 2, atol=1e-6), name


def test_vision_models_of_two_architectures_do_not_merge(tmp_path: Path) -> None:
    source, other = write("clip", tmp_path / "source"), write("vit", tmp_path / "other")
    with pytest.raises(UsageError, match="one architecture"):
        steal(source, tmp_path / "copy", [Interpolate(other=str(other))], device="cpu")


def test_prompts_and_layers_are_no_business_of_a_vision_model(
    tmp_path: Path, examples: Sequence[Example]
) -> None:
    source = write("dinov2", tmp_path / "source")
    tuning = Finetune(training=Training(scope="all", steps=1), examples=examples)
    with pytest.raises(UsageError, match="Dinov2Model, which reads no words"):
        steal(source, tmp_path / "copy", [tuning], device="cpu")
    with pytest.raises(ModelError, match="keeps its language model apart"):
        steal(source, tmp_path / "copy", [DropLayers(layers=1)], device="cpu")
    assert not (tmp_path / "copy").exists()
