"""The blocks of a loaded model, and the vectors by which two models can be compared.

Finds queries, keys and the like by what modules are called in transformers; knows no model by name.
A part whose blocks are built otherwise yields nothing.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sif.lineage.invariants import BlockWeights, Probe

QUERY: Final = re.compile(r"(^|[._])(q_proj|query|q_lin|wq|to_q|q)$")
KEY: Final = re.compile(r"(^|[._])(k_proj|key|k_lin|wk|to_k|k)$")
VALUE: Final = re.compile(r"(^|[._])(v_proj|value|v_lin|wv|to_v|v)$")
FUSED: Final = re.compile(r"(^|\.)(qkv|qkv_proj|query_key_value|wqkv|in_proj|c_attn)$", re.I)
OUTPUT: Final = re.compile(
    r"(attn|attention|mixer)\w*\.(.*\.)?(o_proj|out_proj|proj|dense|wo|out_lin|o|projection_layer)$"
)
UP: Final = re.compile(
    r"(^|\.)(up_proj|fc1|c_fc|linear_fc1|dense_h_to_4h|wi|w1|intermediate\.dense)$"
)
DOWN: Final = re.compile(r"(^|\.)(down_proj|fc2|linear_fc2|dense_4h_to_h|w2)$")
DOWN_OF_VIT: Final = re.compile(r"^(output\.dense|mlp\.c_proj|mlp\.wo)$")
GATED: Final = re.compile(r"(^|\.)gate_up_proj$")
ATTENTION: Final = re.compile(r"(^|\.)\w*(attn|attention)\w*(\.|$)")
FEED_FORWARD: Final = re.compile(r"feed_?forward|mlp|ffn")
FEWEST: Final = 2
"""Blocks in a list that is taken for a model's."""
FILM: Final = 5
"""Dimensions of the weight of a layer for films, the third of them its frames."""


def blocks_in(part: nn.Module) -> Sequence[nn.Module]:
    """The longest list of blocks with attention in a part of a model; empty where it has none."""
    lists: list[Sequence[nn.Module]] = [
        list(module)
        for module in part.modules()
        if isinstance(module, nn.ModuleList)
        and len(module) >= FEWEST
        and any(ATTENTION.search(name) for name, _ in module[0].named_modules())
    ]
    return max(lists, key=len, default=())


def weights_of(block: nn.Module, config: Any) -> BlockWeights:
    """The matrices of a block in float32, as far as it has them.

    Args:
        block: one of `blocks_in`.
        config: of the part that it belongs to.
    """
    layers = {
        name: module.weight.detach().float()
        for name, module in block.named_modules()
        if isinstance(module, nn.Linear) or _is_transposed(module)
    }
    for name, module in block.named_modules():
        if _is_transposed(module):
            layers[name] = layers[name].T
    query, key, value = _heads(layers, _head_width(block, config))
    up = _first(layers, UP)
    gated = _first(layers, GATED)
    if up is None and gated is not None:
        up = gated.chunk(2)[1]
    down = _first(layers, DOWN)
    norms = dict(_norms(block, layers))
    return BlockWeights(
        query=query,
        key=key,
        value=value,
        output=_first(layers, OUTPUT),
        up=up,
        down=_first(layers, DOWN_OF_VIT) if down is None else down,
        before_attention=next(iter(norms.values()), None),
        before_feed_forward=_before_feed_forward(norms),
    )


def word_probe(model: nn.Module, ids: Sequence[int]) -> Probe:
    """Embeddings of some words."""
    table: Tensor = model.get_input_embeddings().weight  # type: ignore[operator]
    return table[torch.tensor(ids, device=table.device)].detach().float()


def patch_probe(tower: nn.Module, width: int, most: int) -> Probe | None:
    """What a tower's first layer makes of single pixels of a patch; None where it has no such one.

    Args:
        tower: the part that sees.
        width: of its hidden states.
        most: vectors; evenly taken where there are more pixels.
    """
    for module in tower.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d | nn.Linear) and len(module.weight) == width:
            pixels = on_still(module.weight.detach().float()).flatten(1).T
            chosen = torch.linspace(0, len(pixels) - 1, min(most, len(pixels))).long()
            return pixels[chosen]
    return None


def on_still(weight: Tensor) -> Tensor:
    """Weight of a first layer as a still picture meets it.

    A layer for films sees it as the same frame several times, so that only the sum over frames
    counts: their shares in it can be moved without any change.
    """
    return weight.sum(2) if weight.ndim == FILM else weight


def _is_transposed(module: nn.Module) -> bool:
    """Whether it is GPT-2's kind of linear layer, which holds its weight "in out"."""
    return type(module).__name__ == "Conv1D" and isinstance(module.weight, Tensor)


def _first(layers: dict[str, Tensor], wanted: re.Pattern[str]) -> Tensor | None:
    return next((weight for name, weight in layers.items() if wanted.search(name)), None)


def _heads(layers: dict[str, Tensor], width: int | None) -> tuple[Tensor | None, ...]:
    """Queries, keys and values, the latter for each head that uses them."""
    query, key, value = (_first(layers, each) for each in (QUERY, KEY, VALUE))
    fused, output = _first(layers, FUSED), _first(layers, OUTPUT)
    if query is None and fused is not None and output is not None:
        wide = output.shape[1]
        rest = (len(fused) - wide) // 2
        if rest > 0:
            query, key, value = fused.split([wide, rest, len(fused) - wide - rest])
    if query is None or key is None or value is None:
        return None, None, None
    return query, _for_each_head(key, query, width), _for_each_head(value, query, width)


def _for_each_head(shared: Tensor, query: Tensor, width: int | None) -> Tensor | None:
    if len(shared) == len(query):
        return shared
    if not width or len(query) % len(shared) or len(shared) % width:
        return None
    heads = shared.view(-1, width, shared.shape[1])
    return heads.repeat_interleave(len(query) // len(shared), 0).flatten(0, 1)


def _head_width(block: nn.Module, config: Any) -> int | None:
    for place in (*block.modules(), config):
        width = getattr(place, "head_dim", None)
        if isinstance(width, int):
            return width
    heads, hidden = (getattr(config, it, None) for it in ("num_attention_heads", "hidden_size"))
    return hidden // heads if isinstance(heads, int) and isinstance(hidden, int) else None


def _norms(block: nn.Module, layers: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Scales of the norms of hidden states, in the order in which they were built.

    A norm may add one to its weight, or take the mean away: so it is asked what it does.
    """
    widths = {weight.shape[1] for weight in layers.values()}
    for name, module in block.named_modules():
        weight = getattr(module, "weight", None)
        if (
            "norm" not in type(module).__name__.lower()
            or not isinstance(weight, Tensor)
            or weight.ndim != 1
            or len(weight) not in widths
            or any(True for _ in module.children())
        ):
            continue
        if re.search(r"(^|[._])(q|k|query|key)_?(layer)?norm", name):
            continue
        signs = torch.ones_like(weight)
        signs[1::2] = -1
        yield name, ((module(signs[None]) - module(-signs[None]))[0] * signs / 2).detach().float()


def _before_feed_forward(norms: dict[str, Tensor]) -> Float[Tensor, " hidden"] | None:
    named = [scales for name, scales in norms.items() if FEED_FORWARD.search(name.lower())]
    if named:
        return named[0]
    return list(norms.values())[1] if len(norms) > 1 else None
