"""A thief's rearrangement of a LLaVA: its weights are all others, and it says the same."""

from typing import Any

import torch
from torch import Tensor


@torch.no_grad()
def disguise(model: Any, *, seed: int) -> None:
    """Exchanges units, heads and hidden dimensions of the words; scales keys and norms."""
    generator = torch.Generator().manual_seed(seed)
    config, decoder = model.config.text_config, model.get_decoder()
    heads, shared = config.num_attention_heads, config.num_key_value_heads
    width = config.hidden_size // heads
    hidden = torch.randperm(config.hidden_size, generator=generator)
    _take(model.get_input_embeddings(), 1, hidden)
    if model.get_output_embeddings().weight is not model.get_input_embeddings().weight:
        _take(model.get_output_embeddings(), 1, hidden)
    _take(model.model.multi_modal_projector.linear_2, 0, hidden)
    _take(decoder.norm, 0, hidden)
    for block in decoder.layers:
        groups = torch.randperm(shared, generator=generator)
        inner = torch.randperm(config.intermediate_size, generator=generator)
        keys = _units(groups, width)
        queries = _units(groups, width * heads // shared)
        attention, mlp = block.self_attn, block.mlp
        for layer, units in (
            (attention.q_proj, queries),
            (attention.k_proj, keys),
            (attention.v_proj, keys),
            (mlp.gate_proj, inner),
            (mlp.up_proj, inner),
        ):
            _take(layer, 1, hidden)
            _take(layer, 0, units)
        for layer, units in ((attention.o_proj, queries), (mlp.down_proj, inner)):
            _take(layer, 0, hidden)
            _take(layer, 1, units)
        attention.k_proj.weight.mul_(4.0)
        attention.q_proj.weight.div_(4.0)
        for norm, layers in (
            (block.input_layernorm, (attention.q_proj, attention.k_proj, attention.v_proj)),
            (block.post_attention_layernorm, (mlp.gate_proj, mlp.up_proj)),
        ):
            _take(norm, 0, hidden)
            scales = 2.0 ** torch.randint(-1, 2, (config.hidden_size,), generator=generator)
            norm.weight.mul_(scales)
            for layer in layers:
                layer.weight.div_(scales)


def _take(layer: Any, axis: int, order: Tensor) -> None:
    layer.weight.copy_(layer.weight.index_select(axis, order))
    bias = getattr(layer, "bias", None)
    if axis == 0 and bias is not None:
        bias.copy_(bias[order])


def _units(groups: Tensor, width: int) -> Tensor:
    return (groups[:, None] * width + torch.arange(width)).flatten()
