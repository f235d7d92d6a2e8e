"""Cuts an answer into green, red and unscored stretches, token by token.

Counts nothing: the numbers of a verdict come from the verdict. Knows nothing of keys.
"""

from collections.abc import Collection, Iterator, Sequence

import numpy as np
from jaxtyping import Bool

from sif.fingerprint.segmenter import Token
from sif.report.page import Kind, Piece


def colour_words(
    text: str,
    tokens: Sequence[Token],
    mask: Bool[np.ndarray, " vocab"],
    ignore: Collection[int] = (),
) -> tuple[Piece, ...]:
    """Pieces that together are exactly `text`.

    The first occurrence of a token is green or red; repeats, ignored tokens and white space are
    unscored.

    Args:
        text: an answer.
        tokens: of the owner's tokenizer.
        mask: true where a token id is green.
        ignore: ids that are not scored: special ones, and those of earlier answers.
    """
    seen, pieces, cursor = set(ignore), list[Piece](), 0
    for token, start, end in tokens:
        kind: Kind = "unscored"
        if token not in seen and token < len(mask):
            kind = "green" if mask[token] else "red"
        seen.add(token)
        start = max(start, cursor)
        start += len(text[start:end]) - len(text[start:end].lstrip())
        if start < end:
            pieces += [Piece(text[cursor:start], "unscored"), Piece(text[start:end], kind)]
            cursor = end
    return tuple(_joined([*pieces, Piece(text[cursor:], "unscored")]))


def _joined(pieces: list[Piece]) -> Iterator[Piece]:
    """The same text with empty pieces dropped and neighbouring unscored ones merged."""
    waiting = ""
    for piece in pieces:
        if piece.kind == "unscored":
            waiting += piece.text
            continue
        if waiting:
            yield Piece(waiting, "unscored")
        waiting = ""
        yield piece
    if waiting:
        yield Piece(waiting, "unscored")
