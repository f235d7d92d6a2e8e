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
from sif.vlm.folder import load_model, load_processor
from sif.vlm.inputs import placed, processor_options
from sif.vlm.model import LogitsHook


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
        self._processor = _processor(address.target)
        self._name = address.name(weights_digest(address.target))
        self._model: Any = load_model(
            address.target,
            dtype=options.dtype,
            device_map={"": str(self._device)},
            **_quantisation(options.quantize),
        )
        if options.quantize and self._device.type == "cpu":
            _mend_quantised_layers(self._model)
        self._system_turns = _takes_system_turns(self._processor)
        self._own = self._model.generation_config
        self._model.generation_config = type(self._own)(**_special_ids(self._own))

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
            output = self._model.generate(
                **inputs,
                **_generation(settings),
                logits_processor=[hook] if hook else None,
                return_dict_in_generate=True,
                output_logits=self._logprobs is not None,
            )
        seen = 0 if self._model.config.is_encoder_decoder else inputs["input_ids"].shape[1]
        new = output.sequences[:, seen:]
        texts = self._processor.batch_decode(new, skip_special_tokens=True)
        seconds = (time.perf_counter() - began) / len(queries)
        ends = torch.tensor(_ids(self._model.generation_config.eos_token_id), device=new.device)
        ended = torch.isin(new, ends)
        stopped = ended.any(dim=1).tolist()
        tops = self._tops(output.logits, ended) if self._logprobs else [None] * len(texts)
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
            processor_kwargs={
                "padding": True,
                "padding_side": "left",
                **processor_options(self._model),
            },
        )
        return placed(inputs, self._model)

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


def _takes_system_turns(processor: Any) -> bool:
    """Whether the chat template writes down the words of a system turn."""
    from jinja2.exceptions import TemplateError

    probe = "sif probe of a system turn"
    turns = [
        {"role": "system", "content": [{"type": "text", "text": probe}]},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "prompt"}]},
    ]
    try:
        return probe in str(processor.apply_chat_template(turns, add_generation_prompt=True))
    except (TemplateError, ValueError, TypeError):
        return False


def _generation(settings: GenerationSettings) -> dict[str, Any]:
    """Arguments of `generate`; nothing is left to the model's own defaults."""
    arguments: dict[str, Any] = {
        "max_new_tokens": settings.max_new_tokens,
        "repetition_penalty": settings.repetition_penalty,
        "num_beams": 1,
        "do_sample": settings.temperature > 0,
    }
    if settings.min_new_tokens:
        arguments["min_new_tokens"] = settings.min_new_tokens
    if settings.temperature > 0:
        arguments |= {"temperature": settings.temperature, "top_p": settings.top_p, "top_k": 0}
    return arguments


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


def _special_ids(own: Any) -> dict[str, Any]:
    """Begin, end and padding: all that is kept of a model's generation defaults."""
    end = _ids(own.eos_token_id)
    padding = own.pad_token_id if own.pad_token_id is not None else next(iter(end), None)
    return {
        "bos_token_id": own.bos_token_id,
        "eos_token_id": own.eos_token_id,
        "pad_token_id": padding,
        "decoder_start_token_id": own.decoder_start_token_id,
    }


def _ids(token: int | list[int] | None) -> list[int]:
    match token:
        case None:
            return []
        case int():
            return [token]
        case _:
            return list(token)


def _processor(source: str) -> Any:
    processor = load_processor(source)
    if getattr(processor, "chat_template", None) is None:
        raise ModelError(
            f"expected a processor with a chat template, got none in {source}; add "
            "chat_template.jinja from the model's own release to the folder"
        )
    if processor.tokenizer.pad_token is None:
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    return processor


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
