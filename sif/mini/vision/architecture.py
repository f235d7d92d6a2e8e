"""Real Dinov2, ViT and CLIP vision models at a million parameters, with their image processors.

Knows nothing of data or training.
"""

import math
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
PATCH: Final = 16
GRID: Final = SIDE // PATCH
HIDDEN, LAYERS, HEADS = 128, 8, 4


def build_vision(kind: Kind, *, seed: int) -> Any:
    """A freshly initialised float32 model, whose output has a class token and 4 x 4 patches."""
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
                return ViTModel(ViTConfig(**size, intermediate_size=2 * HIDDEN))
            case "clip":
                return CLIPVisionModel(CLIPVisionConfig(**size, intermediate_size=2 * HIDDEN))
            case _:
                assert_never(kind)


@torch.no_grad()
def start_places(model: Any) -> None:
    """Starts the patches' position embeddings as sines and cosines of row and column.

    The libraries' start, noise far fainter than what patches show, leaves so small a model on a
    plateau for longer than a training here lasts.
    """
    (places,) = (
        parameter
        for name, parameter in model.named_parameters()
        if name.split(".")[-1] == "position_embeddings" or "position_embedding.weight" in name
    )
    quarter = HIDDEN // 4
    waves = torch.exp(-math.log(10) * torch.arange(quarter) / quarter)
    angles = torch.arange(GRID)[:, None] * waves
    line = torch.cat([angles.sin(), angles.cos()], 1)
    rows = line[:, None].expand(-1, GRID, -1)
    columns = line[None].expand(GRID, -1, -1)
    places.view(-1, HIDDEN)[1:] = 0.3 * torch.cat([rows, columns], -1).flatten(0, 1)


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
