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
from pathlib import Path
from typing import Any, Final

import torch
from PIL import Image

from sif.errors import ModelError, UsageError
from sif.suspects.reply import reply_from, top_tokens
from sif.suspects.thinking import BUDGET, cut_short
from sif.suspects.thought_tokens import Thoughts
from sif.suspects.token_texts import token_texts
from sif.suspects.uri import SuspectAddress, TransformersOptions
from sif.suspects.weights import weights_digest
from sif.types import GenerationSettings, Query, Reply, TopTokens, Unanswered
from sif.vlm.adapter import Parts, parts_of
from sif.vlm.chat import rendered, spell, takes_system_turns
from sif.vlm.decoding import LogitsHook, decode
from sif.vlm.encoding import encoded
from sif.vlm.extent import ORDINARY
from sif.vlm.folder import load_chat_processor, load_model
from sif.vlm.foreign import READING
from sif.vlm.inputs import placed, processor_options
from sif.vlm.out_of_memory import is_out_of_memory, make_room
from sif.vlm.placeholders import found_in, placeholders_of
from sif.vlm.placement import device_map, places
from sif.vlm.plain_words import first_line
from sif.vlm.quantised import quantised
from sif.vlm.thinking_marks import begins_thinking

FAULTS: Final = (StopIteration, *READING, ModelError)
"""Of a template, a processor or a model over one question; no iterator's end is one here."""
UNFIT: Final = (
    "its files do not fit each other, for an ordinary question fails too: take config.json, "
    "processor_config.json, preprocessor_config.json and chat template from where its weights are"
)
NO_ROOM: Final = (MemoryError, torch.OutOfMemoryError)

logger = logging.getLogger(__name__)


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
        parts = parts_of(address.target, options.base)
        self._address = address
        self._batch = options.batch
        self._logprobs = options.logprobs
        self._surfaces: list[str | None] | None = None
        where = device_map(
            parts.model,
            options.device,
            dtype=options.dtype,
            quantize=options.quantize,
        )
        self._processor = load_chat_processor(address.target, base=options.base)
        self._name = _name(address, parts)
        # Its notes (int8 casts its inputs, a faster kernel exists) are not for whoever asks.
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
        self._model: Any = load_model(
            address.target,
            dtype=options.dtype,
            base=options.base,
            device_map=where,
            **_quantisation(options.quantize, parts.model),
        )
        self._devices = places(self._model)
        if self._devices[0].type == "cpu":
            _mend_quantised_layers(self._model)
        self._system_turns = takes_system_turns(self._processor)
        self._thoughts = Thoughts(self._processor.tokenizer)
        self._begun = begins_thinking(spell(self._processor, "?"))
        self._budget = options.thinking if options.thinking is not None else BUDGET * self._begun
        self._finds_budget = options.thinking is None
        self._fit: bool | None = None

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
        if self._devices[0].type == "cuda":
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
        replies = None
        try:
            replies = self._generate(queries, settings, hook)
        except FAULTS as error:
            if len(queries) == 1:
                marks = found_in(queries[0].prompt, placeholders_of(self._processor))
                fault = (
                    f"the prompt holds {marks[0]}, which stands for a picture: " if marks else ""
                )
                mend = "" if self._fits() else f"; {UNFIT}"
                reason = f"{fault}{type(error).__name__}: {first_line(error)}{mend}"
                return [Unanswered(reason=reason)]
            if is_out_of_memory(error):
                logger.warning("out of memory with %d questions; trying less", len(queries))
        if replies is None:  # only here the error has let go of what it held
            make_room()
            half = len(queries) // 2
            return [
                *self._ask_batch(queries[:half], settings, hook),
                *self._ask_batch(queries[half:], settings, hook),
            ]
        if self._finds_budget and not self._budget and any(map(cut_short, replies)):
            self._budget = BUDGET
            return self._ask_batch(queries, settings, hook)
        return replies

    def _fits(self) -> bool:
        """Whether an ordinary question can be asked, where the first one failed: whose fault it is.

        False where the folder's files do not fit each other, so that every question fails.
        """
        if self._fit is None:
            settings = GenerationSettings(max_new_tokens=1)
            picture = Image.new("RGB", ORDINARY, "grey")
            try:
                self._generate(
                    [Query(trigger="trial", image=picture, prompt="What is it?")], settings, None
                )
            except NO_ROOM:
                self._fit = True
            except FAULTS:
                self._fit = False
        return bool(self._fit)

    def _generate(
        self, queries: list[Query], settings: GenerationSettings, hook: LogitsHook | None
    ) -> list[Reply]:
        began = time.perf_counter()
        inputs = self._inputs(queries)
        most = settings.max_new_tokens
        longer = settings.model_copy(update={"max_new_tokens": most + self._budget})
        stop = None
        if self._budget:
            seen = inputs["input_ids"].shape[1]
            stop = self._thoughts.enough(seen, most, begun=self._begun)
        with torch.inference_mode(), self._seeded(settings.seed):
            found = decode(
                self._model,
                inputs,
                longer,
                hook=hook,
                stop=stop,
                with_logits=self._logprobs is not None,
            )
        self._fit = True
        seconds = (time.perf_counter() - began) / len(queries)
        tops = self._tops(found.logits, found.ends) if self._logprobs else None
        return [
            self._reply(
                ids,
                most=most,
                stopped=bool(ends.any()),
                seconds=seconds,
                top=None if tops is None else tops[row],
            )
            for row, (ids, ends) in enumerate(zip(found.ids.tolist(), found.ends, strict=True))
        ]

    def _reply(
        self,
        ids: list[int],
        *,
        most: int,
        stopped: bool,
        seconds: float,
        top: tuple[TopTokens, ...] | None,
    ) -> Reply:
        """An answer of as many tokens as were asked for, counted after what it thinks."""
        said, place = self._thoughts.answer_in(ids, begun=self._begun)
        last = place + most
        if self._budget and said.ended and last < len(ids):
            said = said._replace(words=self._thoughts.text(ids[place:last]))
            stopped = stopped and not self._thoughts.text(ids[last:]).strip()
        return reply_from(
            said.words,
            finish_reason="stop" if stopped else "length",
            seconds=seconds,
            top=None if top is None else top[place:last],
            said=said,
            tokens=len(ids),
        )

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
        texts = [
            rendered(self._processor, _conversation(query, system_turns=self._system_turns))
            for query in queries
        ]
        begin = self._processor.tokenizer.bos_token
        inputs = encoded(
            self._processor,
            [query.image.convert("RGB") for query in queries],
            texts,
            add_special_tokens=not (begin and texts[0].startswith(begin)),
            padding=True,
            padding_side="left",
            return_tensors="pt",
            **processor_options(self._model),
        )
        return placed(inputs, self._model)

    @contextmanager
    def _seeded(self, seed: int | None) -> Iterator[None]:
        """Sampling from a seed leaves the random state outside as it was."""
        devices = [place for place in self._devices if place.type == "cuda"]
        with torch.random.fork_rng(devices=devices) if seed is not None else nullcontext():
            if seed is not None:
                torch.manual_seed(seed)
            yield


def _name(address: SuspectAddress, parts: Parts) -> str:
    """The address with a digest of the weights; an adapter's with its base, wherever it was found.

    Weights in one folder with their adapter are digested together.
    """
    if parts.adapter is None or Path(parts.model) == parts.adapter:
        return address.name(weights_digest(address.target))
    digest = weights_digest(str(parts.adapter), parts.model)
    return address.with_base(parts.model).name(digest)


def _conversation(query: Query, *, system_turns: bool) -> list[dict[str, Any]]:
    """The user's turn behind the system's; for models without the latter, all words in one."""
    words = query.prompt
    if query.system is not None and not system_turns:
        words = f"{query.system}\n{query.prompt}"
    user = {
        "role": "user",
        "content": [
            {"type": "image"},
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
    found = [
        (name, module, state)
        for name, module in model.named_modules()
        if (state := getattr(getattr(module, "weight", None), "quant_state", None)) is not None
        and (module.out_features % 32 or module.in_features % 64)
    ]
    if not found:
        return
    from bitsandbytes.functional import dequantize_4bit

    for name, module, state in found:
        sizes = module.in_features, module.out_features
        plain = torch.nn.Linear(*sizes, bias=False, device="meta")
        plain.weight = torch.nn.Parameter(
            dequantize_4bit(module.weight.data, state).to(model.dtype), requires_grad=False
        )
        plain.bias = module.bias
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, plain)


def _quantisation(kind: str | None, model: str) -> dict[str, Any]:
    if kind is None:
        return {}
    stored = quantised(model)
    if stored is not None:
        raise UsageError(
            f"expected plain weights where quantize={kind} is asked for, got {model}, which is "
            f"{stored.words} already; leave quantize= out"
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(f"quantize={kind} needs bitsandbytes; pip install bitsandbytes")
    from transformers import BitsAndBytesConfig

    if kind == "int8":
        return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True)}
    settings = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
    )
    return {"quantization_config": settings}
