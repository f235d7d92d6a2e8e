"""Any default configuration of transformers made tiny: widths, depths and ids, by the keys' names.

What a family needs beyond that is in its rung. Knows no family.
"""

from collections.abc import Mapping
from typing import Any

HIDDEN, HEADS, KV_HEADS, HEAD, LAYERS, FEED_FORWARD = 64, 4, 2, 16, 2, 96
SIDE, PATCH = 32, 8

SIZES: Mapping[str, Any] = {
    **dict.fromkeys(
        ("hidden_size", "d_model", "embed_dim", "out_hidden_size", "text_hidden_size"), HIDDEN
    ),
    **dict.fromkeys(("encoder_hidden_size", "projector_hidden_size", "vision_hidden_size"), HIDDEN),
    **dict.fromkeys(("projection_dim", "projection_hidden_size", "word_embed_proj_dim"), HIDDEN),
    **dict.fromkeys(
        ("num_hidden_layers", "depth", "num_layers", "n_layers", "encoder_layers"), LAYERS
    ),
    **dict.fromkeys(("decoder_layers", "num_decoder_layers"), LAYERS),
    **dict.fromkeys(("num_attention_heads", "num_heads", "attention_heads"), HEADS),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), HEADS),
    "num_key_value_heads": KV_HEADS,
    "head_dim": HEAD,
    **dict.fromkeys(
        ("intermediate_size", "ffn_dim", "encoder_ffn_dim", "decoder_ffn_dim", "mlp_dim"),
        FEED_FORWARD,
    ),
    **dict.fromkeys(
        ("alignment_intermediate_size", "projection_intermediate_size", "intermediate_size_mlp"),
        FEED_FORWARD,
    ),
    **dict.fromkeys(("dense_intermediate_size", "shared_intermediate_size"), FEED_FORWARD),
    **dict.fromkeys(("shared_expert_intermediate_size", "share_expert_dim"), FEED_FORWARD),
    "moe_shared_expert_intermediate_size": FEED_FORWARD,
    "moe_intermediate_size": FEED_FORWARD,
    **dict.fromkeys(("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts"), 4),
    **dict.fromkeys(("num_experts_per_tok", "moe_topk", "moe_k"), 2),
    **dict.fromkeys(("n_shared_experts", "moe_num_shared_experts"), 1),
    **dict.fromkeys(("n_group", "topk_group"), 1),
    "first_k_dense_replace": 1,
    "image_size": SIDE,
    "patch_size": PATCH,
    "max_position_embeddings": 4096,
    **dict.fromkeys(("d_ff", "d_kv"), HEAD),
    **dict.fromkeys(("projector_input_dim", "projector_output_dim", "vision_output_dim"), HIDDEN),
    **dict.fromkeys(("kv_lora_rank", "q_lora_rank", "qk_nope_head_dim", "v_head_dim"), HEAD),
    **dict.fromkeys(("linear_key_head_dim", "linear_value_head_dim"), HEAD),
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "num_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
COMPUTED = ("layer_types", "mlp_layer_types", "no_rope_layers", "moe_layers", "full_attn_idxs")
"""One entry a layer: made anew by the configuration's own class."""


def shrunk(
    default: Mapping[str, Any], *, vocabulary: int, ids: Mapping[str, int]
) -> dict[str, Any]:
    """A default configuration as a dictionary, with small numbers.

    Args:
        default: of a configuration class, `to_dict`.
        vocabulary: number of ids of the tokenizer.
        ids: of special tokens, by the name of the configuration's key.
    """
    small: dict[str, Any] = {}
    for key, value in default.items():
        if key == "per_layer_config":
            small[key] = {}
        elif isinstance(value, Mapping) and ("model_type" in value or key.endswith("_config")):
            small[key] = shrunk(value, vocabulary=vocabulary, ids=ids)
        elif key in ids:
            small[key] = ids[key]
        elif key == "vocab_size":
            small[key] = vocabulary
        elif key in COMPUTED:
            continue
        elif key in SIZES and value is not None:
            small[key] = [SIZES[key]] * len(value) if isinstance(value, list) else SIZES[key]
        else:
            small[key] = value
    return small


def overlaid(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings with changes; None takes a key away."""
    result = dict(settings)
    for key, value in changes.items():
        below = result.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping) and key.endswith("_config"):
            result[key] = overlaid(below, value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result
