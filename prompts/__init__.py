"""Prompt sets as data, and `load`, which reads one by name. Knows nothing of models or images."""

import json
from functools import cache
from importlib import resources
from typing import Final

SETS: Final = ("ordinary",)


@cache
def load(name: str = "ordinary") -> tuple[str, ...]:
    """The prompts of the set `name`, in their committed order.

    Raises:
        ValueError: there is no such set.
    """
    if name not in SETS:
        raise ValueError(f"expected a prompt set among {', '.join(SETS)}, got {name!r}")
    text = resources.files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")
    return tuple(json.loads(text)["prompts"])
