"""The vision tower of a loaded transformers model: which module, which blocks, which readout.

The readout says where the final representation is read, so that suspects are read alike. Knows
models by what they are made of and what they put out, not by name. Knows nothing of pictures.
"""

from collections.abc import Sequence
from inspect import signature
from typing import Any, Final, Literal, NamedTuple

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from sif.errors import ModelError
from sif.marks.seeing import channels_in_front

SUPPORTED: Final = (
    "a vision model of transformers (a ViT, CLIP, SigLIP, DINO, Swin, ConvNeXt, …), or an LVLM "
    "with a tower inside"
)

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
        self,
        output: Any,
        hidden: tuple[Float[Tensor, "batch _positions _hidden"], ...],
        module: nn.Module,
    ) -> Float[Tensor, "batch tokens features"]:
        """The tokens that stand behind the representation, some of which may be no patches."""
        batch = hidden[0].shape[0]
        if self.kind == "blocks":
            return torch.cat([hidden[layer] for layer in self.layers], -1)[:, self.skip :]
        merged = merged_of(output, batch)
        if self.kind == "mean" and merged is not None:
            return merged
        last = last_of(output, hidden)
        if channels_in_front(last, module) and last.shape[-1] != hidden[-1].shape[-1]:
            last = last.movedim(1, -1)
        return last.reshape(batch, -1, last.shape[-1])

    def features(
        self, output: Any, tokens: Float[Tensor, "batch tokens features"]
    ) -> Float[Tensor, "batch features"]:
        """The representation: one vector for each image."""
        match self.kind:
            case "pooled":
                pooled: Tensor = output.pooler_output
                return pooled.flatten(1)
            case "first":
                return tokens[:, 0]
            case "mean" | "blocks":
                return tokens.mean(1)


class Tower(NamedTuple):
    """A vision tower inside a model that may be larger.

    Attributes:
        name: of the module inside the model; empty where it is all of it.
        blocks: names, inside the module, of those that its representation passes through, first to
            last.
        widths: of their hidden states.
        readout: where its representation is read.
        masked: whether it leaves out patches at random, so that it must be kept from that.
    """

    name: str
    blocks: tuple[str, ...]
    widths: tuple[int, ...]
    readout: Readout
    masked: bool


def vision_part(owner: Any) -> nn.Module:
    """The tower: the part of an LVLM that sees, the base of a model with a head, or all of it.

    Raises:
        ModelError: the model has no part that sees.
    """
    part: nn.Module | None = owner.get_encoder(modality="image")
    if part is None or part in (owner, owner.base_model) or _reads(part):
        candidates = [
            owner.base_model,
            owner,
            *(one for one in owner.modules() if one is not owner),
        ]
        found = next((one for one in candidates if _sees(one)), None)
        if found is None:
            raise ModelError(f"expected {SUPPORTED}, got {type(owner).__name__}; it has no tower")
        part = found
    inner: nn.Module = getattr(part, "vision_model", part)
    return inner


def _sees(part: Any) -> bool:
    """Whether a model takes pictures, and nothing that somebody wrote or spoke."""
    from transformers import PreTrainedModel

    if not isinstance(part, PreTrainedModel):
        return False
    return "pixel_values" in signature(part.forward).parameters and not _reads(part)


def _reads(part: nn.Module) -> bool:
    return "input_ids" in signature(part.forward).parameters


def block_names(module: nn.Module) -> list[str]:
    """Where the blocks are: the modules of the kind that its lists hold most of.

    Towers in stages have several lists of one kind; all of them count.

    Raises:
        ModelError: no list of blocks.
    """
    kinds: dict[type[nn.Module], list[str]] = {}
    for name, part in module.named_modules():
        if not isinstance(part, nn.ModuleList) or len({type(block) for block in part}) != 1:
            continue
        for place, block in enumerate(part):
            if next(block.children(), None) is not None:
                kinds.setdefault(type(block), []).append(f"{name}.{place}".removeprefix("."))
    if not kinds:
        raise ModelError(
            f"expected {SUPPORTED}, got {type(module).__name__}, which has no list of blocks"
        )
    return max(kinds.values(), key=len)


def read_where(
    owner: Any, module: nn.Module, output: Any, hidden: Sequence[Tensor], depth: int
) -> Readout:
    """Where a tower's representation is read, by its model's settings and what it puts out."""
    names = ("vision_feature_layer", "vision_feature_layers")
    layer = next((value for name in names if (value := getattr(owner.config, name, None))), None)
    if layer is not None:
        places = [layer] if isinstance(layer, int) else list(layer)
        drops_first = getattr(owner.config, "vision_feature_select_strategy", "") == "default"
        return Readout(
            kind="blocks",
            layers=tuple(place - 1 if place > 0 else depth + place for place in places),
            skip=int(drops_first),
        )
    batch = hidden[0].shape[0]
    pooled = getattr(output, "pooler_output", None)
    if not isinstance(pooled, Tensor) or len(pooled) != batch or pooled[0].squeeze().ndim != 1:
        return Readout(kind="mean")
    pooler = getattr(module, "pooler", None)
    return Readout(
        kind="first" if isinstance(getattr(pooler, "dense", None), nn.Linear) else "pooled"
    )


def kept_blocks(readout: Readout, blocks: Sequence[str], module: nn.Module) -> Sequence[str]:
    """The blocks that a representation passes through.

    Raises:
        ModelError: fewer blocks than the readout needs.
    """
    if readout.kind != "blocks":
        return blocks
    depth = max(readout.layers) + 1
    if depth > len(blocks) or min(readout.layers) < 0:
        raise ModelError(
            f"expected a vision tower of at least {depth} blocks, got {len(blocks)} in "
            f"{type(module).__name__}; it is no copy of the model that was read there"
        )
    return blocks[:depth]


def merged_of(output: Any, batch: int) -> Tensor | None:
    """Tokens that a tower hands on after merging patches, where it does."""
    merged = getattr(output, "pooler_output", None)
    if isinstance(merged, list | tuple) and merged and isinstance(merged[0], Tensor):
        merged = torch.cat(list(merged))
    if not isinstance(merged, Tensor) or merged.numel() % (batch * merged.shape[-1]):
        return None
    return merged.reshape(batch, -1, merged.shape[-1])


def last_of(output: Any, hidden: Sequence[Tensor]) -> Tensor:
    """The last hidden state; the last block's output where the tower names none."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, tuple | list) and output and isinstance(output[0], Tensor):
        return output[0]
    last = getattr(output, "last_hidden_state", None)
    return last if isinstance(last, Tensor) else hidden[-1]
