"""Small vision models with random weights, one of every listed architecture, 32 x 32 pixels."""

from collections.abc import Callable
from typing import Any

import torch
import transformers as hf

SIDE = 32
SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": 8,
}
WIDE = {**SHAPE, "intermediate_size": 64}
SQUARE = {"height": SIDE, "width": SIDE}


def _clip_processor() -> Any:
    return hf.CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=SQUARE)


def _dino_processor() -> Any:
    return hf.BitImageProcessor(size={"shortest_edge": 40}, crop_size=SQUARE)


KINDS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "clip": (lambda: hf.CLIPVisionModel(hf.CLIPVisionConfig(**WIDE)), _clip_processor),
    "clip-projected": (
        lambda: hf.CLIPVisionModelWithProjection(hf.CLIPVisionConfig(**WIDE, projection_dim=16)),
        _clip_processor,
    ),
    "dinov2": (lambda: hf.Dinov2Model(hf.Dinov2Config(**SHAPE, mlp_ratio=2)), _dino_processor),
    "dinov2-registers": (
        lambda: hf.Dinov2WithRegistersModel(hf.Dinov2WithRegistersConfig(**SHAPE, mlp_ratio=2)),
        _dino_processor,
    ),
    "dinov2-classifier": (
        lambda: hf.Dinov2ForImageClassification(hf.Dinov2Config(**SHAPE, mlp_ratio=2)),
        _dino_processor,
    ),
    "siglip": (
        lambda: hf.SiglipVisionModel(hf.SiglipVisionConfig(**WIDE)),
        lambda: hf.SiglipImageProcessor(size=SQUARE),
    ),
    "vit": (
        lambda: hf.ViTModel(hf.ViTConfig(**WIDE)),
        lambda: hf.ViTImageProcessor(size=SQUARE),
    ),
}


def make(kind: str, *, seed: int = 0) -> tuple[Any, Any]:
    """A model and its processor."""
    model, processor = KINDS[kind]
    torch.manual_seed(seed)
    return model(), processor()
