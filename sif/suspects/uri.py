"""Addresses of suspects: `hf:PATH-or-id`, `vllm:PATH-or-id`, `openai:URL#model`, with `?options`.

Says what may be written, and what each part means; knows no engine and reaches nothing. Messages
never repeat an option's value or an unknown address, for either might hold a secret.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from unicodedata import category
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from sif.errors import UsageError
from sif.types import GenerationSettings

Scheme = Literal["hf", "vllm", "openai"]
Precision = Literal["auto", "bfloat16", "float16", "float32"]

EXAMPLES: Mapping[str, str] = {
    "hf": "hf:models/llava?dtype=bfloat16&temperature=0.7",
    "vllm": "vllm:models/llava?max_model_len=1024",
    "openai": "openai:http://127.0.0.1:8000/v1#llava?concurrency=4",
}
# Names of before, which go on working.
ONCE: Mapping[str, str] = {"tensor_parallel": "tensor_parallel_size"}
# What an address calls a generation setting, where that is not the setting's own name.
WORDS: Mapping[str, str] = {"min_new_tokens": "min_tokens"}
SAMPLING: Mapping[str, str] = {
    WORDS.get(field, field): field for field in GenerationSettings.model_fields
}


# Tokens at every place whose probabilities are asked for; more than 20 few endpoints give.
Probabilities: Any = Field(default=None, ge=1, le=20)
# Tokens for thinking, beyond those of the answer; by what is seen of the model where None.
Thinking: Any = Field(default=None, ge=0, le=1_000_000)
# One GPU, or several.
GPUS = r"cuda(:\d{1,3})?|cuda:\d{1,3}(,cuda:\d{1,3})+"
# A name of parts with dots between, or an address of IPv4 or IPv6.
HOST = re.compile(
    r"[\w-]{1,63}(\.[\w-]{1,63})*\.?|[0-9a-f.]*:[0-9a-f:.]*(%[\w.-]+)?", re.ASCII | re.IGNORECASE
)
# Seconds; a day.
LONGEST_WAIT = 86_400.0
# What vLLM is asked for at most: processes of one engine in each direction, tokens of a context.
MOST_PROCESSES = 1024
MOST_TOKENS = 100_000_000
# Parameters of a question that an address may leave out.
Omittable = Literal[
    "logprobs",
    "max_tokens",
    "min_p",
    "min_tokens",
    "repetition_penalty",
    "seed",
    "skip_special_tokens",
    "temperature",
    "top_k",
    "top_p",
]


class Options(BaseModel):
    """What an address may say about its engine; `named` lists what changes the replies."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    named: ClassVar[tuple[str, ...]] = ()


class TransformersOptions(Options):
    """Options of `hf:`: precision, quantisation at load, device, batch size, top probabilities.

    Where the folder is an adapter, its base; tokens for thinking, beyond those of the answer.
    """

    named: ClassVar[tuple[str, ...]] = ("dtype", "quantize", "logprobs", "base", "thinking")
    dtype: Precision = "auto"
    quantize: Literal["int8", "nf4"] | None = None
    device: str = Field(default="auto", pattern=rf"^(auto|cpu|mps|{GPUS})$")
    batch: int = Field(default=8, ge=1)
    base: str | None = Field(default=None, min_length=1, max_length=1000)
    logprobs: int | None = Probabilities
    thinking: int | None = Thinking


class VllmOptions(Options):
    """Options of `vllm:`: precision, quantisation, context, GPU memory, GPUs, batch size.

    A LoRA adapter over the model; top probabilities; tokens for thinking, beyond those of the
    answer. `data_parallel_size` is known only to be told of: an engine in one process has none.
    """

    named: ClassVar[tuple[str, ...]] = ("dtype", "quantization", "lora", "logprobs", "thinking")
    dtype: Precision = "auto"
    quantization: str | None = Field(default=None, pattern=r"^[a-z0-9_-]{1,64}$")
    lora: str | None = Field(default=None, min_length=1, max_length=1000)
    max_model_len: int | None = Field(default=None, ge=16, le=MOST_TOKENS)
    gpu_memory_utilization: float = Field(default=0.9, gt=0.0, le=1.0)
    enforce_eager: bool = False
    tensor_parallel_size: int = Field(default=1, ge=1, le=MOST_PROCESSES)
    pipeline_parallel_size: int = Field(default=1, ge=1, le=MOST_PROCESSES)
    data_parallel_size: int = Field(default=1, ge=1, le=MOST_PROCESSES)
    batch: int = Field(default=64, ge=1)
    logprobs: int | None = Probabilities
    thinking: int | None = Thinking


class OpenAIOptions(Options):
    """Options of `openai:`: requests at a time, time limits, attempts, key, top probabilities.

    `timeout` is in seconds for one request, `deadline` for one question with all its attempts (600,
    or `timeout` where that is more). `body_mb` and `answer_chars` bound what is read and kept.
    `omit` names parameters that are not sent, `image` the format of pictures. Tokens for thinking,
    by which the longest answer that is asked for is raised.
    """

    named: ClassVar[tuple[str, ...]] = ("logprobs", "thinking", "omit", "image")
    concurrency: int = Field(default=8, ge=1, le=1000)
    timeout: float = Field(default=120.0, gt=0.0, le=LONGEST_WAIT)
    deadline: float | None = Field(default=None, gt=0.0, le=LONGEST_WAIT)
    attempts: int = Field(default=6, ge=1, le=100)
    body_mb: float = Field(default=8.0, gt=0.0, le=1024.0)
    answer_chars: int = Field(default=100_000, ge=1, le=10_000_000)
    omit: tuple[Omittable, ...] = ()
    image: Literal["png", "jpeg"] = "png"
    key_env: str = Field(default="OPENAI_API_KEY", pattern=r"^[A-Z_][A-Z0-9_]*$")
    logprobs: int | None = Probabilities
    thinking: int | None = Thinking

    @field_validator("omit", mode="before")
    @classmethod
    def _from_words(cls, given: Any) -> Any:
        """Names joined by commas, each once, in one order."""
        names = given.split(",") if isinstance(given, str) else given
        return tuple(sorted({str(name).strip() for name in names}))


OPTIONS: Mapping[str, type[Options]] = {
    "hf": TransformersOptions,
    "vllm": VllmOptions,
    "openai": OpenAIOptions,
}


class SuspectAddress(BaseModel):
    """Where a suspect is and how it is to be run.

    Attributes:
        scheme: the engine that asks it.
        target: folder, hub id or URL.
        model: the model's name at the URL (`openai:` only).
        options: of the engine.
        sampling: generation settings that replace those of every query.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scheme: Scheme
    target: str
    model: str | None = None
    options: TransformersOptions | VllmOptions | OpenAIOptions
    sampling: dict[str, float | int] = {}

    @classmethod
    def parse(cls, uri: str) -> "SuspectAddress":
        """Reads an address.

        Raises:
            UsageError: unknown scheme, missing part, unknown option or unusable value.
        """
        if any(category(letter) in ("Cc", "Cs") for letter in uri):
            raise UsageError(
                "expected an address of whole letters, got one with control characters, line ends "
                f"or bytes that are no text, {_example('hf')}"
            )
        scheme, colon, rest = uri.partition(":")
        if scheme == "gguf":
            raise UsageError(
                "expected a model that transformers or vLLM runs, got a GGUF file, which a server "
                "of llama.cpp runs with its projector (llama-server -m MODEL.gguf --mmproj "
                "MMPROJ.gguf); name the server: openai:http://127.0.0.1:8080/v1#NAME"
            )
        if not colon or scheme not in OPTIONS:
            raise UsageError(
                f"expected a suspect that starts with {', '.join(f'{name}:' for name in OPTIONS)} "
                f"got {_shown(scheme)!r}; for example {EXAMPLES['hf']}"
            )
        if scheme == "openai":
            target, model, query = _split_endpoint(rest)
        else:
            target, _, query = rest.partition("?")
            model = None
        if not target:
            raise UsageError(f"expected a folder or a hub id after {scheme}:, {_example(scheme)}")
        options, sampling = _read_options(scheme, query)
        return cls.model_validate(
            {
                "scheme": scheme,
                "target": target,
                "model": model,
                "options": options,
                "sampling": sampling,
            }
        )

    def name(self, weights: str | None = None) -> str:
        """The address without what cannot change an answer; never holds a secret.

        Args:
            weights: digest of the weights, where they are at hand, so that answers of other
                weights at the same place are never taken for these.
        """
        words = self.options.model_dump(include=set(self.options.named), exclude_defaults=True)
        words |= {WORDS.get(field, field): value for field, value in self.sampling.items()}
        query = "&".join(f"{key}={_written(value)}" for key, value in sorted(words.items()))
        where = self.target + (f"#{self.model}" if self.model else "")
        mark = f"@{weights}" if weights else ""
        return f"{self.scheme}:{where}{mark}" + (f"?{query}" if query else "")

    def with_base(self, base: str) -> "SuspectAddress":
        """The same with an adapter's base in it, wherever that was found."""
        options = self.options.model_copy(update={"base": base})
        return self.model_copy(update={"options": options})

    def settings(self, asked: GenerationSettings, repeat: int = 0) -> GenerationSettings:
        """Settings to generate with: the asked ones, those of the address put over them.

        Repeats of a seeded question take following seeds, or they would all be one answer.

        Raises:
            UsageError: a shortest answer above the longest that the question allows.
        """
        try:
            merged = GenerationSettings.model_validate(asked.model_dump() | self.sampling)
        except ValidationError as error:
            raise UsageError(
                f"{_first(error)}; name both in the address: ?min_tokens=60&max_new_tokens=160"
            ) from error
        if merged.seed is None or repeat == 0:
            return merged
        return merged.model_copy(update={"seed": merged.seed + repeat})


def _split_endpoint(rest: str) -> tuple[str, str, str]:
    url, _, tail = rest.partition("#")
    model, _, query = tail.partition("?")
    try:
        parts = urlsplit(url)
        secretive = parts.username is not None or parts.password is not None
    except ValueError as error:
        raise UsageError(f"expected a URL after openai:, {_example('openai')}") from error
    if secretive:
        raise UsageError(
            "expected a URL without user name and password; put the key into an environment "
            "variable and name it with ?key_env=NAME"
        )
    if parts.query:
        raise UsageError(f"expected options behind the model's name, {_example('openai')}")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UsageError(f"expected an http or https URL after openai:, {_example('openai')}")
    _check_url(url)
    if not model:
        raise UsageError(f"expected the model's name behind the URL, {_example('openai')}")
    return url.rstrip("/"), model, query


def _check_url(url: str) -> None:
    """Refuses what no request can be sent to: ports and host names that cannot be."""
    import httpx

    try:
        port = urlsplit(url).port
    except ValueError:
        port = 0
    if port == 0:
        raise UsageError(f"expected a port from 1 to 65535 in the URL, {_example('openai')}")
    try:
        place = httpx.URL(url)
        host = place.raw_host.decode("ascii") if place.host else ""
    except (httpx.InvalidURL, ValueError) as error:
        raise UsageError(
            f"expected a URL with a host name that can be looked up, got another ({error}), "
            f"{_example('openai')}"
        ) from error
    if not HOST.fullmatch(host) or len(host) > 253 or any(letter in url for letter in " \\"):
        raise UsageError(
            "expected a host name in the URL, of parts of 1 to 63 letters, digits and hyphens, and "
            f"no blanks, {_example('openai')}"
        )


def _read_options(scheme: str, query: str) -> tuple[Options, dict[str, Any]]:
    try:
        words = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError as error:
        raise UsageError(
            f"expected options as name=value&name=value, {_example(scheme)}"
        ) from error
    kind = OPTIONS[scheme]
    words = _renamed(words, kind)
    allowed = (*kind.model_fields, *SAMPLING)
    for name in words:
        if name not in allowed:
            raise UsageError(
                f"{scheme}: has no option {_shown(name)!r}; it takes {', '.join(allowed)}; "
                f"{_example(scheme)}"
            )
    sampling = {SAMPLING[name]: value for name, value in words.items() if name in SAMPLING}
    try:
        options = kind.model_validate({k: v for k, v in words.items() if k not in SAMPLING})
        settings = GenerationSettings.model_validate(sampling)
    except ValidationError as error:
        raise UsageError(f"{_first(error)}; {_example(scheme)}") from error
    _refuse_data_parallel(options)
    return options, {field: getattr(settings, field) for field in sampling}


def _renamed(words: Mapping[str, str], kind: type[Options]) -> dict[str, str]:
    """Options under the names of today; an option of another engine keeps its wrong name."""
    named: dict[str, str] = {}
    for name, value in words.items():
        today = ONCE.get(name, name)
        today = today if today in kind.model_fields else name
        if today in named:
            raise UsageError(f"expected {today} once, got it as {name} too, its name of before")
        named[today] = value
    return named


def _refuse_data_parallel(options: Options) -> None:
    """Says so now, for an engine of vLLM in one process only says no to it."""
    size = options.data_parallel_size if isinstance(options, VllmOptions) else 1
    if size > 1:
        raise UsageError(
            "expected data_parallel_size=1 in an address, for vLLM's engine in one process runs "
            f"one copy of a model, got {size}; start a server (sif serve MODEL -- "
            f"--data-parallel-size {size}) and name it, {_example('openai')}"
        )


def _first(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(WORDS.get(str(part), str(part)) for part in first["loc"])
    return f"option {where}: {first['msg'].lower().removeprefix('value error, ')}"


def _written(value: Any) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _example(scheme: str) -> str:
    return f"for example {EXAMPLES[scheme]}"


def _shown(word: str) -> str:
    return word if len(word) <= 24 else word[:24] + "…"
