"""Shared fixtures: untrained mini models as plain folders, one per family."""

from pathlib import Path

import pytest
import torch

from sif.eval.zoo.architecture import Family, Size, build_model, build_processor
from sif.vlm.folder import save_model


def _folder(family: Family, root: Path) -> Path:
    model = build_model(family, seed=3, size=Size()).to(torch.bfloat16)
    save_model(model, build_processor(family, seed=3), root / family)
    return root / family


@pytest.fixture(scope="session")
def untrained_llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LLaVA with random weights, 5 MB."""
    return _folder("llava", tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def untrained_qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2.5-VL with random weights, 5 MB."""
    return _folder("qwen2_5_vl", tmp_path_factory.mktemp("models"))
