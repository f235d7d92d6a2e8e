"""Real Dinov2, ViT and CLIP vision models at a million parameters, with their image processors.

Knows nothing of data or training.
"""

from typing import Any, Final, Literal, assert_never

import torch
from transformers import (
    BitImageProcessor,
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModel,
    Dinov2Config,
    Dinov2Model,
    ViTConfig,
    ViTImageProcessor,
    ViTModel,
)

Kind = Literal["dinov2", "vit", "clip"]
SIDE: Final = 64
PATCH: Final = 8
GRID: Final = SIDE // PATCH
HIDDEN, LAYERS, HEADS = 128, 8, 4


def build_vision(kind: Kind, *, seed: int) -> Any:
    """A freshly initialised float32 model, whose output has a class token and 8 x 8 patches."""
    size: dict[str, Any] = {
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "image_size": SIDE,
        "patch_size": PATCH,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        match kind:
            case "dinov2":
                return Dinov2Model(Dinov2Config(**size, mlp_ratio=2))
            case "vit":
                return ViTModel(
                    ViTConfig(**size, intermediate_size=2 * HIDDEN), add_pooling_layer=False
                )
            case "clip":
                return CLIPVisionModel(CLIPVisionConfig(**size, intermediate_size=2 * HIDDEN))
            case _:
                assert_never(kind)


def build_image_processor(kind: Kind) -> Any:
    """The image processor that the hub's models of this kind come with, at 64 pixels."""
    edge, square = {"shortest_edge": SIDE}, {"height": SIDE, "width": SIDE}
    match kind:
        case "dinov2":
            return BitImageProcessor(size=edge, crop_size=square)
        case "vit":
            return ViTImageProcessor(size=square)
        case "clip":
            return CLIPImageProcessor(size=edge, crop_size=square)
        case _:
            assert_never(kind)
