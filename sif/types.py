"""The values that travel between the parts: what is asked, what comes back, what was shown.

Knows nothing of models, keys or files.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, NoReturn, Protocol, overload, runtime_checkable

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_serializer


class Decision(StrEnum):
    """What was shown about a suspect, by whatever method."""

    DERIVED = "derived"
    NOT_SHOWN = "not_shown"
    INCONCLUSIVE = "inconclusive"


class GenerationSettings(BaseModel):
    """How an answer is to be generated. Always sent explicitly, never left to a server's default.

    Attributes:
        max_new_tokens: longest answer in tokens.
        min_new_tokens: shortest; no answer ends before. 0 leaves the end to the model, and is then
            not written down, so that questions of before there was a minimum are still the same.
        temperature: 0 for greedy decoding.
        top_p: nucleus of the sampling distribution.
        repetition_penalty: 1 for none.
        seed: of the sampling, where the engine takes one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_new_tokens: int = Field(default=160, ge=1)
    min_new_tokens: int = Field(default=0, ge=0)
    temperature: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    repetition_penalty: float = Field(default=1.0, gt=0.0, allow_inf_nan=False)
    seed: int | None = None

    @field_validator("min_new_tokens")
    @classmethod
    def _not_above_the_longest(cls, shortest: int, info: Any) -> int:
        longest = info.data.get("max_new_tokens", shortest)
        if shortest > longest:
            raise ValueError(f"should be at most max_new_tokens, {longest} here, got {shortest}")
        return shortest

    @model_serializer(mode="wrap")
    def _without_no_minimum(self, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        written = handler(self)
        if not self.min_new_tokens:
            written.pop("min_new_tokens", None)
        return written


class _Picture:
    """The field of a picture: one in memory, or what reads it whenever it is looked at."""

    KEPT: Final = "_image"

    @overload
    def __get__(self, query: None, kind: type) -> NoReturn: ...
    @overload
    def __get__(self, query: object, kind: type) -> Image.Image: ...
    def __get__(self, query: object | None, kind: type) -> Any:
        if query is None:
            raise AttributeError("a question has no picture of its own accord")
        kept = query.__dict__[self.KEPT]
        return kept if isinstance(kept, Image.Image) else kept()

    def __set__(self, query: object, image: Image.Image | Callable[[], Image.Image]) -> None:
        query.__dict__[self.KEPT] = image


@dataclass(frozen=True, kw_only=True)
class Query:
    """One question to a suspect: an RGB image, a prompt as plain words, and settings.

    The prompt is what a user types; each suspect wraps it into its own chat template.

    Attributes:
        trigger: id of the trigger asked.
        image: may be handed over as a function that reads it, and is then read whenever it is
            looked at, so that many questions are in memory without their pictures.
        repeat: number of the repetition; repeats of a trigger are one cluster.
        system: words of a system turn before the user's; None for what the chat template does by
            itself. Owners ask without; whoever serves a model may add one.
    """

    trigger: str
    image: _Picture = _Picture()
    prompt: str
    generation: GenerationSettings = GenerationSettings()
    repeat: int = 0
    system: str | None = None

    def about(self, image: Image.Image | Callable[[], Image.Image], **changes: Any) -> "Query":
        """The same question about another picture, which is not read yet."""
        return replace(self, image=image, **changes)

    def changed(self, **changes: Any) -> "Query":
        """Another question about the same picture, which is not read for it."""
        return self.about(self.__dict__[_Picture.KEPT], **changes)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of everything that determines the question; its picture is read once."""
        image = self.image
        image = image if image.mode == "RGB" else image.convert("RGB")
        digest = hashlib.sha256(f"{image.size}|{self.repeat}|".encode())
        digest.update(self.generation.model_dump_json().encode())
        digest.update(b"|" + self.prompt.encode() + b"|")
        digest.update(image.tobytes())
        if self.system is not None:
            digest.update(b"|" + self.system.encode())
        return digest.hexdigest()


TopTokens = tuple[tuple[str, float], ...]
"""The likeliest tokens at one place of an answer, as the suspect writes them, with ln p."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A suspect's words, with why it stopped ("stop", "length", …) and how long it took.

    Attributes:
        top: the likeliest tokens at every place, where they were asked for and given.
        concessions: what of the question's settings the suspect would not take, in words: what was
            asked without, or under another name.
    """

    text: str
    finish_reason: str | None = None
    seconds: float | None = None
    top: tuple[TopTokens, ...] | None = None
    concessions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """No answer came, and why. A value like any other: never an empty string, never a zero."""

    reason: str


Reply = Answer | Unanswered


@runtime_checkable
class Suspect(Protocol):
    """Anything that can be asked about an image.

    `ask` returns one reply for each query, in order. It raises `SuspectError` only where no
    answer can be hoped for (no such host, wrong model name, refused credentials).
    """

    @property
    def name(self) -> str:
        """What identifies the suspect in journals and reports; never holds a secret."""
        ...

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """Replies in the order of the queries."""
        ...

    def close(self) -> None:
        """Frees what the suspect holds (weights, connections, processes)."""
        ...
