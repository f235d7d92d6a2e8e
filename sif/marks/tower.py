"""The vision tower of a loaded transformers model: which module, which blocks, which readout.

The readout says where the final representation is read, so that suspects are read alike. The only
file here that knows models by name. Knows nothing of images.
"""

from typing import Any, Final, Literal, NamedTuple

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from sif.errors import ModelError

SUPPORTED: Final = (
    "CLIPVisionModel, CLIPVisionModelWithProjection, Dinov2Model, Dinov2WithRegistersModel, "
    "SiglipVisionModel, ViTModel, or a LLaVA or Qwen2.5-VL with such a tower inside"
)
PACKED: Final = ("qwen2_5_vl", "qwen2_5_vl_vision")
CLS_ONLY: Final = ("vit", "vit_model")


Kind = Literal["pooled", "first", "mean", "blocks"]


class Readout(BaseModel):
    """What is taken from a forward pass as the representation of an image.

    Attributes:
        kind: "pooled" is the model's own `pooler_output` (CLIP and DINOv2: the normalised CLS
            token; SigLIP: attention pooling). "first" is the first token of the last hidden state
            (ViT: the normalised CLS token, since its pooler is often untrained). "mean" is the
            mean over the tokens that the model hands on: those of `pooler_output` where that has
            one for each patch (a Qwen2.5-VL tower after its merger), else of the last hidden state.
            "blocks" is the mean over the patches in the outputs of `layers`, beside one another,
            which is what a LLaVA's projector sees.
        layers: blocks that "blocks" reads, counted from 0.
        skip: tokens before the patches that "blocks" leaves out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    layers: tuple[int, ...] = ()
    skip: int = Field(default=0, ge=0)

    def tokens(
        self, output: Any, hidden: tuple[Float[Tensor, "batch positions hidden"], ...]
    ) -> Float[Tensor, "batch tokens features"]:
        """The tokens that stand behind the representation, some of which may be no patches."""
        if self.kind == "blocks":
            return torch.cat([hidden[layer] for layer in self.layers], -1)[:, self.skip :]
        batch = hidden[0].shape[0]
        merged = getattr(output, "pooler_output", None)
        if self.kind == "mean" and merged is not None:
            tokens: Tensor = merged.reshape(batch, -1, merged.shape[-1])
            return tokens
        last: Tensor = output.last_hidden_state
        return last.reshape(batch, -1, last.shape[-1])

    def features(
        self, output: Any, tokens: Float[Tensor, "batch tokens features"]
    ) -> Float[Tensor, "batch features"]:
        """The representation: one vector for each image."""
        match self.kind:
            case "pooled":
                pooled: Tensor = output.pooler_output
                return pooled
            case "first":
                return tokens[:, 0]
            case "mean" | "blocks":
                return tokens.mean(1)


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
