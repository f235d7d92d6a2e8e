"""What each token of a tokenizer writes in the middle of a text, leading blank included.

Engines and tokenizers show single tokens in several ways (with a mark for the blank, or without
it); what a token adds behind another one is the same for all. Knows nothing of engines.
"""

from typing import Any


def token_texts(tokenizer: Any) -> list[str | None]:
    """The text that every id writes behind an ordinary word; None for parts of a character.

    Args:
        tokenizer: of transformers.
    """
    anchor = _anchor(tokenizer)
    before = _decode(tokenizer, [[anchor]])[0]
    texts = _decode(tokenizer, [[anchor, index] for index in range(len(tokenizer))])
    return [
        text.removeprefix(before) if text.startswith(before) and "\ufffd" not in text else None
        for text in texts
    ]


def _anchor(tokenizer: Any) -> int:
    """The first id that is a plain word by itself; 0 where there is none."""
    special = set(tokenizer.all_special_ids)
    for index in range(len(tokenizer)):
        word = _decode(tokenizer, [[index]])[0]
        if index not in special and word.isascii() and word.strip().isalpha():
            return index
    return 0


def _decode(tokenizer: Any, sequences: list[list[int]]) -> list[str]:
    texts: list[str] = tokenizer.batch_decode(
        sequences, skip_special_tokens=False, clean_up_tokenization_spaces=False
    )
    return texts
