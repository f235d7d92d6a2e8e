"""The vision tower of a loaded transformers model: which module, which blocks, which readout.

The only file here that knows models by name. Knows nothing of images.
"""

from typing import Any, Final, NamedTuple

from torch import nn

from sif.errors import ModelError
from sif.marks.readout import Readout

SUPPORTED: Final = (
    "CLIPVisionModel, CLIPVisionModelWithProjection, Dinov2Model, Dinov2WithRegistersModel, "
    "SiglipVisionModel, ViTModel, or a LLaVA or Qwen2.5-VL with such a tower inside"
)
PACKED: Final = ("qwen2_5_vl", "qwen2_5_vl_vision")
CLS_ONLY: Final = ("vit", "vit_model")


class Tower(NamedTuple):
    """A vision tower inside a model that may be larger.

    Attributes:
        module: whose forward pass takes pixel values.
        blocks: those that its representation passes through, first to last.
        readout: where its representation is read.
        packed: whether it takes the patches of all images as one sequence, with a grid for each.
    """

    module: nn.Module
    blocks: nn.ModuleList
    readout: Readout
    packed: bool


def find_tower(owner: Any, readout: Readout | None = None) -> Tower:
    """The vision tower of a model.

    Args:
        owner: a transformers model: a vision model, one with a head, or an LVLM.
        readout: where to read its representation; its kind's own where none is given.

    Raises:
        ModelError: no vision tower with a list of blocks, or fewer blocks than the readout needs.
    """
    module = _vision_part(owner)
    blocks = _block_list(module)
    chosen = readout or _own_readout(owner, module, len(blocks))
    depth = len(blocks)
    if chosen.kind == "blocks":
        depth = max(chosen.layers) + 1
        if depth > len(blocks):
            raise ModelError(
                f"expected a vision tower of at least {depth} blocks, got {len(blocks)} in "
                f"{type(module).__name__}; it is no copy of the model that was read there"
            )
    return Tower(module, blocks[:depth], chosen, _kind(module) in PACKED)


def _vision_part(owner: Any) -> nn.Module:
    """The tower: the part of an LVLM that sees, the base of a model with a head, or all of it."""
    part: nn.Module = owner.get_encoder(modality="image")
    if part is owner or part is owner.base_model:
        part = owner.base_model
        if getattr(part, "main_input_name", "") == "input_ids":
            raise ModelError(f"expected {SUPPORTED}, got {type(owner).__name__}; it has no tower")
    inner: nn.Module = getattr(part, "vision_model", part)
    return inner


def _block_list(module: nn.Module) -> nn.ModuleList:
    """The longest list of equal modules."""
    lists = [
        part
        for part in module.modules()
        if isinstance(part, nn.ModuleList) and len({type(block) for block in part}) == 1
    ]
    if not lists:
        raise ModelError(
            f"expected {SUPPORTED}, got {type(module).__name__}, which has no list of blocks"
        )
    return max(lists, key=len)


def _own_readout(owner: Any, module: nn.Module, depth: int) -> Readout:
    kind = _kind(module)
    layer = getattr(owner.config, "vision_feature_layer", None)
    if layer is not None:
        places = [layer] if isinstance(layer, int) else list(layer)
        drops_first = getattr(owner.config, "vision_feature_select_strategy", "") == "default"
        return Readout(
            kind="blocks",
            layers=tuple(place - 1 if place > 0 else depth + place for place in places),
            skip=int(drops_first),
        )
    if kind in PACKED:
        return Readout(kind="mean")
    if kind in CLS_ONLY:
        return Readout(kind="first")
    pools = getattr(module, "use_head", True)
    return Readout(kind="pooled" if pools else "mean")


def _kind(module: nn.Module) -> str:
    return str(getattr(getattr(module, "config", None), "model_type", ""))
