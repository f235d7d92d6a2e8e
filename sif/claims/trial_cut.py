"""Whether a tokenizer from outside comes to an end: tried in a process of its own, with a limit.

A regular expression in tokenizer.json may take exponentially long for a text that was written for
it, what it puts in may multiply a text, and nothing can be interrupted inside the tokenizers
library. So before anything is cut here, all texts are cut there. A file without such things is
spared that: all else in it takes a time and a memory that grow with the text. What the library
makes of rubbish is found here afterwards, in words.
"""

from collections.abc import Sequence
from typing import Any, Final

from sif.errors import ClaimError, FingerprintError
from sif.tokenizer_bounds import (
    TOKENIZER_FILE,
    WildTokenizerError,
    growth,
    has_pattern,
    parse_tokenizer,
)
from sif.tokenizer_trial import EndlessTokenizerError, cut_elsewhere

SECONDS = 60.0
"""At most, whatever there is to be cut."""
LEAST: Final = 2.0
CHARACTERS: Final = 50_000
"""That are cut in a second at least; ordinary tokenizers cut ten times as many and more."""
PIECES: Final = ("continuing_subword_prefix", "end_of_word_suffix", "unk_token")
LONGEST_PIECE: Final = 64


def check_ends(tokenizer: bytes, texts: Sequence[str], *, where: str) -> None:
    """Makes sure that a tokenizer cuts texts within a time.

    Args:
        tokenizer: the file.
        texts: all that are to be cut.
        where: its name, for the message.

    Raises:
        ClaimError: it takes longer, or more memory than texts need.
        FingerprintError: it would, as the file alone shows.
    """
    if not may_run_wild(tokenizer):
        return
    seconds = min(SECONDS, LEAST + sum(map(len, texts)) / CHARACTERS)
    try:
        cut_elsewhere(tokenizer, texts, seconds=seconds)
    except EndlessTokenizerError as error:
        raise ClaimError(
            f"expected {where} to cut {len(texts)} prompts and answers within {seconds:.3g} "
            "seconds, got no end: a pattern in it may be made to run for ever, or something in it "
            "multiplies a text until it fits no memory"
        ) from error


def may_run_wild(tokenizer: bytes) -> bool:
    """Whether a tokenizer.json has what can take any time or memory; so too where it is no JSON.

    That is a regular expression of its own, a table of replacements, and words that are put in.
    """
    try:
        content = parse_tokenizer(tokenizer, where=TOKENIZER_FILE)
    except WildTokenizerError:
        raise
    except FingerprintError:
        return True
    parts = [value for name, value in content.items() if name not in ("model", "added_tokens")]
    pieces = [content["model"].get(name) for name in PIECES]
    long = any(isinstance(piece, str) and len(piece) > LONGEST_PIECE for piece in pieces)
    return long or any(_is_wild(part) or has_pattern(part) or growth(part) > 2 for part in parts)


def _is_wild(value: Any) -> bool:
    if isinstance(value, dict):
        return "precompiled_charsmap" in value or any(map(_is_wild, value.values()))
    return isinstance(value, list) and any(map(_is_wild, value))
