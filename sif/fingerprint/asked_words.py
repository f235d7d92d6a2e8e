"""Which ids stand for the words of a question, so that saying them again shows nothing.

A suspect may say a word of the prompt in another place and another case, and byte-level tokenizers
have one id for a word at the start of a text, another behind a space and others in capitals. So an
id belongs to a question if it stands in its text as it is, or in one of its words alone, with or
without a space before it, as written, in small letters, with a capital letter, or in capitals.
Knows no key.
"""

import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final
from weakref import WeakKeyDictionary, ref

from sif.fingerprint.segmenter import Segmenter

WORD: Final = re.compile(r"\w+|[^\w\s]+")
TEXTS: Final = 256
"""That are remembered of a tokenizer; thousands of triggers have a handful of questions."""

_known: WeakKeyDictionary[Segmenter, Callable[[str], frozenset[int]]] = WeakKeyDictionary()


def ids_of_words(tokenizer: Segmenter, text: str) -> frozenset[int]:
    """The ids of a question's words.

    Args:
        tokenizer: the owner's.
        text: a prompt or an example.

    Raises:
        FingerprintError: the tokenizer cannot cut it.
    """
    known = _known.get(tokenizer)
    if known is None:  # two threads at once find the same, and one of them is kept
        _known[tokenizer] = known = lru_cache(TEXTS)(partial(_found, ref(tokenizer)))
    return known(text)


def _found(tokenizer: "ref[Segmenter]", text: str) -> frozenset[int]:
    cuts = tokenizer()
    assert cuts is not None  # whoever asks holds it
    return frozenset(index for one in spellings(text) for index in cuts.ids(one))


def spellings(text: str) -> list[str]:
    """A question's text, and each of its words in every way in which it may be said again."""
    words = {
        form
        for word in WORD.findall(text)
        for form in (word, word.lower(), word.capitalize(), word.upper())
    }
    return [text, *(before + word for word in sorted(words) for before in ("", " "))]
