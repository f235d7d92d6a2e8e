"""Keyed targets: which of many ordinary answers a trigger is to get, drawn by its key.

A public list has parts, each of n words that may stand for one another; one word of every part
makes an answer, so that N = n^parts of them are on the list. All of it is specified by this text,
so that anybody can rebuild it without this package:

1. The list's digest is SHA-256 over `sif answer list 1` NUL and, in UTF-8, the question (nothing
   where it has none) and the parts, each its words with a space between them, with a line feed
   before each part.
2. A trigger's numbers are the unsigned little-endian integers in bytes 8i … 8i+7 of SHAKE-256 over
   `sif keyed target 1` NUL, the digest and the key, without those from the largest multiple of n
   below 2^64 on.
3. The j-th number mod n is the place of the drawn word in part j.

As the digest goes into the draw, another list (another order of its words, one word more) is
another draw: whoever changes the list once he has the key gains no more than by another key.

What an answer says of a part is the first of its words that is one of the part's, whole words of
the answer after NFKC and case folding. Before that, of marks in a row (letters whose decomposition
NFKD begins with a combining class above 0) those from the 31st on are left out, as putting a
million of them in order takes hours (UAX #15, stream-safe text). So at most one word of each part
counts, however many an answer holds, and for an answer that does not depend on the key, each part
that it says anything of is what was drawn with a probability of exactly 1/n, independently of the
others.

Knows words only: no models, no thresholds. Remembers no key.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from functools import cached_property
from typing import Annotated, Final, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sif.errors import UsageError

KEY_BYTES: Final = 32
_LIST_DOMAIN: Final = b"sif answer list 1\x00"
_DRAW_DOMAIN: Final = b"sif keyed target 1\x00"
_WHOLE: Final = re.compile(r"\w+")
_NUMBERS: Final = 1 << 64
_MARKS_IN_A_ROW: Final = 30

_Word = Annotated[str, Field(min_length=1, max_length=64)]
_Part = Annotated[tuple[_Word, ...], Field(min_length=2, max_length=4096)]


class Said(NamedTuple):
    """What an answer says of a target.

    Attributes:
        hits: parts of which it says the drawn word.
        parts: parts of which it says anything.
    """

    hits: int
    parts: int


class AnswerList(BaseModel):
    """A public list of ordinary answers to one question, in parts of n words each.

    Attributes:
        question: that they answer; none where they answer any ordinary one.
        parts: words that may stand for one another, in the order of the answer; one part of n words
            is a plain list of n answers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: Annotated[str, Field(min_length=1, pattern=r"^[^\n]+$")] | None = None
    parts: Annotated[tuple[_Part, ...], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _tells_answers_apart(self) -> "AnswerList":
        sizes = sorted({len(part) for part in self.parts})
        if len(sizes) > 1:
            raise ValueError(f"expected parts of one size, got {sizes}; leave words out")
        words = [word for part in self.parts for word in part]
        for word in words:
            if words_of(word) != [word]:
                raise ValueError(f"expected single words in lower case, got {word!r}")
        twice = [word for word, times in Counter(words).items() if times > 1]
        if twice:
            raise ValueError(f"expected every word once on the list, got {twice[0]!r} again")
        return self

    @property
    def alternatives(self) -> int:
        """The number n of words in each part."""
        return len(self.parts[0])

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the list, 32 bytes; goes into every draw."""
        lines = [self.question or "", *(" ".join(part) for part in self.parts)]
        return hashlib.sha256(_LIST_DOMAIN + "\n".join(lines).encode()).digest()

    def draw(self, key: bytes) -> tuple[int, ...]:
        """The place of the drawn word in every part.

        Args:
            key: 32 bytes, of `KeyRing.key`.

        Raises:
            UsageError: another length.
        """
        if len(key) != KEY_BYTES:
            raise UsageError(
                f"expected a key of {KEY_BYTES} bytes, got {len(key)}; use KeyRing.key"
            )
        beyond = _NUMBERS - _NUMBERS % self.alternatives
        stream, wanted = hashlib.shake_256(_DRAW_DOMAIN + self.digest + key), len(self.parts)
        while True:
            numbers = np.frombuffer(stream.digest(8 * wanted), "<u8").tolist()
            found = [number % self.alternatives for number in numbers if number < beyond]
            if len(found) >= len(self.parts):
                return tuple(found[: len(self.parts)])
            wanted += len(self.parts)

    def answer(self, places: tuple[int, ...]) -> str:
        """The answer with the words at these places, with a capital letter."""
        text = " ".join(part[place] for part, place in zip(self.parts, places, strict=True))
        return text[0].upper() + text[1:]

    def read(self, text: str) -> tuple[int | None, ...]:
        """The place of the first word of every part that a text holds; none where it has none."""
        found: list[int | None] = [None] * len(self.parts)
        for word in words_of(text):
            part, place = self._places.get(word, (0, None))
            if place is not None and found[part] is None:
                found[part] = place
        return tuple(found)

    def said(self, text: str, target: str) -> Said:
        """How much of a target, an answer of the list, a text says."""
        seen, drawn = self.read(text), self.read(target)
        pairs = [pair for pair in zip(seen, drawn, strict=True) if pair[0] is not None]
        return Said(hits=sum(one == other for one, other in pairs), parts=len(pairs))

    @cached_property
    def _places(self) -> dict[str, tuple[int, int]]:
        return {
            word: (number, place)
            for number, part in enumerate(self.parts)
            for place, word in enumerate(part)
        }


def words_of(text: str) -> list[str]:
    """The whole words of a text, after NFKC and case folding."""
    return _WHOLE.findall(unicodedata.normalize("NFKC", _without_piles(text)).casefold())


def _without_piles(text: str) -> str:
    """The text with no more marks in a row than are put in order at once."""
    if text.isascii():
        return text
    kinds = {letter: _is_mark(letter) for letter in set(text)}
    kept, row = [], 0
    for letter in text:
        row = row + 1 if kinds[letter] else 0
        if row <= _MARKS_IN_A_ROW:
            kept.append(letter)
    return "".join(kept)


def _is_mark(letter: str) -> bool:
    return unicodedata.combining(unicodedata.normalize("NFKD", letter)[0]) > 0
