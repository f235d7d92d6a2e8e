"""Signals from words alone: how many the suspect answers, how many both answers share.

Knows neither models nor limits.
"""

import json
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Final

from sif.attacks.divergence.exchange import Exchange
from sif.attacks.divergence.signal import Side, Signal
from sif.types import Answer

WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


class AnswerLength(Signal):
    """`length`: words in the suspect's answer.

    The released code flags answers under the 3rd percentile of benign ones.
    """

    name = "length"
    side = Side.BELOW

    def measure(self, exchanges: Sequence[Exchange]) -> list[float | None]:
        """Words of each answer; None where the suspect gave none."""
        replies = [one.suspect for one in exchanges]
        return [
            float(len(words(reply.text))) if isinstance(reply, Answer) else None
            for reply in replies
        ]


class WordOverlap(Signal):
    """`jaccard`: overlap of the non-stop words of both answers.

    The paper flags values under 0.1 (Zhao, Lou, Zheng, arXiv 2604.17041).
    """

    name = "jaccard"
    side = Side.BELOW

    def measure(self, exchanges: Sequence[Exchange]) -> list[float | None]:
        """From 0 (no common word) to 1 (the same words); None unless both answered."""
        return [texts and jaccard(*texts) for texts in (one.texts for one in exchanges)]


def jaccard(one: str, other: str) -> float:
    """Shared words over all words, stop words left out; 1 where neither holds any."""
    first, second = content_words(one), content_words(other)
    union = first | second
    return len(first & second) / len(union) if union else 1.0


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
