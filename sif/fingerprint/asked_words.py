"""Which ids stand for the words of a question, so that saying them again shows nothing.

A suspect may say a word of the prompt in another place and another case, and byte-level tokenizers
have one id for a word at the start of a text, another behind a space and others in capitals. So an
id belongs to a question if it stands in its text as it is, or in one of its words alone, with or
without a space before it, as written, in small letters, with a capital letter, or in capitals.
Knows no key.
"""

import re
from typing import Final

from sif.fingerprint.segmenter import Segmenter

WORD: Final = re.compile(r"\w+|[^\w\s]+")


def ids_of_words(tokenizer: Segmenter, text: str) -> frozenset[int]:
    """The ids of a question's words.

    Args:
        tokenizer: the owner's.
        text: a prompt or an example.

    Raises:
        FingerprintError: the tokenizer cannot cut it.
    """
    return frozenset(index for one in forms_of(text) for index in tokenizer.ids(one))


def forms_of(text: str) -> list[str]:
    """All that is cut of a question: its text, and every form of every word in it."""
    words = {
        form
        for word in WORD.findall(text)
        for form in (word, word.lower(), word.capitalize(), word.upper())
    }
    return [text, *(before + word for word in sorted(words) for before in ("", " "))]
