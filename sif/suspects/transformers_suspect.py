"""`hf:` suspects: any image-text model of transformers, in process, in batches.

Pictures go to the model's own processor as they are, and prompts through its own chat template, as
in production. Knows nothing of gradients.
"""

import gc
import importlib.util
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

from sif.errors import ModelError, UsageError
from sif.suspects.reply import reply_from, top_tokens
from sif.suspects.token_texts import token_texts
from sif.suspects.uri import SuspectAddress, TransformersOptions
from sif.suspects.weights import weights_digest
from sif.types import GenerationSettings, Query, Reply, TopTokens, Unanswered
from sif.vlm.chat import takes_system_turns
from sif.vlm.decoding import LogitsHook, decode
from sif.vlm.folder import load_chat_processor, load_model


class TransformersSuspect:
    """A model run by transformers.

    Args:
        address: `hf:PATH-or-id`, parsed.

    Raises:
        ModelError: it cannot be loaded, takes no images, or has no chat template.
        UsageError: a device that is not there.
    """

    def __init__(self, address: SuspectAddress) -> None:
        options = address.options
        assert isinstance(options, TransformersOptions)
        self._address = address
        self._batch = options.batch
        self._logprobs = options.logprobs
        self._surfaces: list[str | None] | None = None
        self._device = _device(options.device)
        self._processor = load_chat_processor(address.target)
        self._name = address.name(weights_digest(address.target))
        self._model: Any = load_model(
            address.target,
            dtype=options.dtype,
            device_map={"": str(self._device)},
            **_quantisation(options.quantize),
        )
        if self._device.type == "cpu":
            _mend_quantised_layers(self._model)
        self._system_turns = takes_system_turns(self._processor)

    @property
    def name(self) -> str:
        """The address, with a digest of the weights."""
        return self._name

    @property
    def vocabulary_size(self) -> int:
        """Number of ids that the tokenizer can produce (the logits may be padded beyond)."""
        return len(self._processor.tokenizer)

    @property
    def model(self) -> Any:
        """The model itself, for whoever looks inside."""
        return self._model

    @property
    def tokenizer(self) -> Any:
        """Its tokenizer."""
        return self._processor.tokenizer

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """Replies; questions with equal settings share batches."""
        return self._ask(queries, None)

    def ask_steered(self, queries: Sequence[Query], hook: LogitsHook) -> list[Reply]:
        """Replies decoded from changed next-token logits, as of `sif.suspects.steerable`."""
        return self._ask(queries, hook)

    def close(self) -> None:
        """Frees the weights."""
        self._model = None
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _ask(self, queries: Sequence[Query], hook: LogitsHook | None) -> list[Reply]:
        groups: dict[GenerationSettings, list[int]] = {}
        for index, query in enumerate(queries):
            settings = self._address.settings(query.generation, query.repeat)
            groups.setdefault(settings, []).append(index)
        replies: dict[int, Reply] = {}
        for settings, indices in groups.items():
            for start in range(0, len(indices), self._batch):
                some = indices[start : start + self._batch]
                answered = self._ask_batch([queries[index] for index in some], settings, hook)
                replies |= zip(some, answered, strict=True)
        return [replies[index] for index in range(len(queries))]

    def _ask_batch(
        self, queries: list[Query], settings: GenerationSettings, hook: LogitsHook | None
    ) -> list[Reply]:
        """Replies of one batch; one that fails is halved, down to the question at fault."""
        try:
            return self._generate(queries, settings, hook)
        except (ValueError, RuntimeError) as error:
            if len(queries) == 1:
                line = str(error).strip().split("\n")[0]
                return [Unanswered(reason=f"{type(error).__name__}: {line}")]
        half = len(queries) // 2
        return [
            *self._ask_batch(queries[:half], settings, hook),
            *self._ask_batch(queries[half:], settings, hook),
        ]

    def _generate(
        self, queries: list[Query], settings: GenerationSettings, hook: LogitsHook | None
    ) -> list[Reply]:
        began = time.perf_counter()
        inputs = self._inputs(queries)
        with torch.inference_mode(), self._seeded(settings.seed):
            found = decode(
                self._model, inputs, settings, hook=hook, with_logits=self._logprobs is not None
            )
        texts = self._processor.batch_decode(found.ids, skip_special_tokens=True)
        seconds = (time.perf_counter() - began) / len(queries)
        stopped = found.ends.any(dim=1).tolist()
        tops = self._tops(found.logits, found.ends) if self._logprobs else [None] * len(texts)
        return [
            reply_from(text, finish_reason="stop" if stop else "length", seconds=seconds, top=top)
            for text, stop, top in zip(texts, stopped, tops, strict=True)
        ]

    def _tops(self, logits: Any, ended: torch.Tensor) -> list[tuple[TopTokens, ...] | None]:
        """The likeliest tokens at each place up to the end, as the model has them unaltered."""
        if self._surfaces is None:
            self._surfaces = token_texts(self._processor.tokenizer)
        known, answers = self._surfaces, [list[TopTokens]() for _ in ended]
        over = ended.cumsum(dim=1) - ended.int()
        for place, step in enumerate(logits):
            best = torch.log_softmax(step.float(), dim=-1).topk(
                min(self._logprobs or 0, len(known))
            )
            rows = zip(best.indices.tolist(), best.values.tolist(), strict=True)
            for row, (ids, chances) in enumerate(rows):
                if not over[row, place]:
                    pairs = zip(ids, chances, strict=True)
                    answers[row].append(
                        top_tokens(
                            (known[index] or "", chance)
                            for index, chance in pairs
                            if index < len(known) and known[index]
                        )
                    )
        return [tuple(answer) for answer in answers]

    def _inputs(self, queries: list[Query]) -> Any:
        conversations = [_conversation(query, system_turns=self._system_turns) for query in queries]
        inputs = self._processor.apply_chat_template(
            conversations,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True, "padding_side": "left"},
        )
        return inputs.to(self._device, dtype=self._model.dtype)

    @contextmanager
    def _seeded(self, seed: int | None) -> Iterator[None]:
        """Sampling from a seed leaves the random state outside as it was."""
        devices = [self._device] if self._device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices) if seed is not None else nullcontext():
            if seed is not None:
                torch.manual_seed(seed)
            yield


def _conversation(query: Query, *, system_turns: bool) -> list[dict[str, Any]]:
    """The user's turn behind the system's; for models without the latter, all words in one."""
    words = query.prompt
    if query.system is not None and not system_turns:
        words = f"{query.system}\n{query.prompt}"
    user = {
        "role": "user",
        "content": [
            {"type": "image", "image": query.image.convert("RGB")},
            {"type": "text", "text": words},
        ],
    }
    if query.system is None or not system_turns:
        return [user]
    return [{"role": "system", "content": [{"type": "text", "text": query.system}]}, user]


def _mend_quantised_layers(model: Any) -> None:
    """Replaces layers that bitsandbytes' CPU kernels cannot run by their own values, dequantised.

    The kernels take blocks of 32 rows and 64 columns and fail in the first forward pass at others.
    """
    from bitsandbytes.functional import dequantize_4bit

    for name, module in list(model.named_modules()):
        state = getattr(getattr(module, "weight", None), "quant_state", None)
        if state is None or not (module.out_features % 32 or module.in_features % 64):
            continue
        sizes = module.in_features, module.out_features
        plain = torch.nn.Linear(*sizes, bias=False, device="meta")
        plain.weight = torch.nn.Parameter(
            dequantize_4bit(module.weight.data, state).to(model.dtype), requires_grad=False
        )
        plain.bias = module.bias
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, plain)


def _device(wanted: str) -> torch.device:
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(wanted)
    count = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= count:
        raise UsageError(f"expected a device that is there, got {wanted} of {count} GPUs; use cpu")
    return device


def _quantisation(kind: str | None) -> dict[str, Any]:
    if kind is None:
        return {}
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(f"quantize={kind} needs bitsandbytes; pip install bitsandbytes")
    from transformers import BitsAndBytesConfig

    # Its notes (int8 casts its inputs, a faster kernel exists) are not for whoever asks a suspect.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    if kind == "int8":
        return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True)}
    settings = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
    )
    return {"quantization_config": settings}
