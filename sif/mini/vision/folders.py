"""Bundled mini vision models as plain folders, and their weights with the package."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from sif.mini.folders import bundled_file, keep_weights, load_weights
from sif.mini.vision.architecture import build_image_processor, build_vision
from sif.mini.vision.catalogue import MiniVision
from sif.vlm.folder import save_model


def build_bundled(model: MiniVision) -> Any:
    """The bundled model in bfloat16.

    Raises:
        ModelError: its weights are not bundled.
    """
    built = build_vision(model.kind, seed=model.seed).to(torch.bfloat16)
    load_weights(built, bundled_file(model.name))
    return built


def export_vision(model: MiniVision, folder: Path) -> None:
    """Writes a bundled model as a plain folder that transformers loads.

    Raises:
        ModelError: its weights are not bundled.
        StorageError: the folder exists, or the disk refuses.
    """
    save_model(build_bundled(model), build_image_processor(model.kind), folder)


def keep_vision(model: MiniVision, trained: nn.Module) -> Path:
    """Puts freshly trained weights where `build_bundled` looks for them, as bf16."""
    return keep_weights(bundled_file(model.name), trained)
