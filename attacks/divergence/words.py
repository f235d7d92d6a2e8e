"""Words of an answer, and those of them that carry meaning. Knows no signals."""

import json
import re
from functools import cache
from importlib import resources
from typing import Final

WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def words(text: str) -> list[str]:
    """Lower-case words in order: letters and digits, apostrophes inside them."""
    return WORD.findall(text.casefold())


def content_words(text: str) -> frozenset[str]:
    """The distinct words without stop words."""
    return frozenset(words(text)) - stop_words()


@cache
def stop_words() -> frozenset[str]:
    """English words that say little about what a picture shows (stopwords.json)."""
    file = resources.files("sif.attacks.divergence").joinpath("stopwords.json")
    return frozenset(json.loads(file.read_text(encoding="utf-8"))["words"])
