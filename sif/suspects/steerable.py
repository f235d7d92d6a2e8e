"""Suspects in whose decoding one can take a hand, as whoever serves a model can.

Endpoints are not among them, nor is vLLM's engine, which decodes in a process of its own.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from sif.types import Query, Reply

LogitsHook = Callable[[Any, Any], Any]
"""As `sif.vlm.decoding.LogitsHook`, without importing tensors."""


@runtime_checkable
class Steerable(Protocol):
    """A suspect (`sif.types.Suspect`) that also decodes from changed logits."""

    @property
    def name(self) -> str:
        """As of any suspect."""
        ...

    @property
    def vocabulary_size(self) -> int:
        """Number of ids that the tokenizer can produce."""
        ...

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """As of any suspect."""
        ...

    def ask_steered(self, queries: Sequence[Query], hook: LogitsHook) -> list[Reply]:
        """Replies in the order of the queries, each token chosen from what the hook returns."""
        ...

    def close(self) -> None:
        """As of any suspect."""
        ...
