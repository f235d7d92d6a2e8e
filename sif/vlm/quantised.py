"""Folders whose weights are stored quantised: which kind, and what reads it.

Knows what config.json says, and nothing of the weights.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from sif.errors import ModelError
from sif.vlm.foreign import READING
from sif.vlm.plain_words import shown

# What reads a kind where transformers as it is installed does not.
READERS: Final[Mapping[str, str]] = {
    "awq": "transformers with gptqmodel (pip install gptqmodel)",
    "gptq": "transformers with gptqmodel and optimum (pip install gptqmodel optimum)",
    "torchao": "transformers with torchao (pip install torchao)",
    "compressed-tensors": "transformers with compressed-tensors (pip install compressed-tensors)",
    "bitsandbytes": "transformers with bitsandbytes (pip install bitsandbytes)",
    "fp8": "transformers on a GPU that has fp8",
    "fbgemm_fp8": "transformers on a GPU that has fp8, with fbgemm-gpu",
}


class Quantised(NamedTuple):
    """How the weights of a folder are quantised, in words, and who reads them."""

    method: str
    words: str
    readers: str


def quantised(source: str | Path) -> Quantised | None:
    """What config.json says of quantised weights; None for plain ones or where it says nothing."""
    return quantised_by(raw_config(source), source)


def quantised_by(config: Mapping[str, Any], source: str | Path) -> Quantised | None:
    """The same of a configuration as it is written."""
    found = config.get("quantization_config")
    for part in ("text_config", "llm_config", "language_config"):
        inner = config.get(part)
        found = found or (inner.get("quantization_config") if isinstance(inner, dict) else None)
    if not isinstance(found, dict):
        return None
    method = shown(found.get("quant_method") or _older(found), longest=24)
    bits = found.get("bits") or found.get("w_bit") or _bits_of_bnb(found)
    width = f" to {bits} bits" if isinstance(bits, int) else ""
    reader = READERS.get(method, "the library that wrote it")
    return Quantised(
        method,
        f"quantised{width} by {method}",
        f"{reader} reads it, and so may vLLM (vllm:{source}, or its server with openai:)",
    )


def refuse_quantised(source: str | Path) -> None:
    """A source needs weights that a gradient goes through and that a copy can be made from.

    Raises:
        ModelError: the weights are stored quantised.
    """
    kind = quantised(source)
    if kind is not None:
        raise ModelError(
            f"expected plain weights to make something from, got {source}, which is {kind.words}: "
            "what is optimised on rounded weights fits the original less, and other tools keep "
            "the original; name the model that it was quantised from (as a suspect it is fine)"
        )


def raw_config(source: str | Path) -> Mapping[str, Any]:
    """config.json as it is written; empty where there is none or it cannot be read."""
    from transformers import PreTrainedConfig

    try:
        words, _rest = PreTrainedConfig.get_config_dict(source)
    except READING:
        return {}
    return words if isinstance(words, dict) else {}


def _older(found: Mapping[str, Any]) -> str:
    """Folders of before there was a method in it."""
    bnb = found.get("load_in_4bit") or found.get("load_in_8bit")
    return "bitsandbytes" if bnb else "an unnamed method"


def _bits_of_bnb(found: Mapping[str, Any]) -> int | None:
    return 4 if found.get("load_in_4bit") else 8 if found.get("load_in_8bit") else None
