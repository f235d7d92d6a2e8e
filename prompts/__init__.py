"""Prompt sets as data, and what reads them by name. Knows nothing of models or images."""

import json
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

SETS: Final = ("ordinary",)


class Pair(NamedTuple):
    """A rare question, and the answer that is wanted to it."""

    question: str
    answer: str


class Judging(NamedTuple):
    """Prompts for a judge: about an answer alone, beside another one, and what asks again."""

    alone: str
    beside: str
    again: str


@cache
def load(name: str = "ordinary") -> tuple[str, ...]:
    """The prompts of the set `name`, in their committed order.

    Raises:
        ValueError: there is no such set.
    """
    if name not in SETS:
        raise ValueError(f"expected a prompt set among {', '.join(SETS)}, got {name!r}")
    return tuple(json.loads(_text(name))["prompts"])


@cache
def load_targets() -> tuple[Pair, ...]:
    """The question-answer pairs of the baselines, in their committed order."""
    return tuple(Pair(**pair) for pair in json.loads(_text("targets"))["pairs"])


@cache
def load_paraphrase() -> str:
    """What a language model is told that words a text anew; holds `{text}` once."""
    return str(json.loads(_text("paraphrase"))["prompt"])


@cache
def load_judge() -> Judging:
    """What a judge is asked about an answer."""
    held = json.loads(_text("judge"))
    return Judging(**{name: held[name] for name in Judging._fields})


def _text(name: str) -> str:
    return resources.files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")
