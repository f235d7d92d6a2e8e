"""Whether a tokenizer from outside comes to an end: tried in a process of its own, with a limit.

A regular expression in tokenizer.json may take exponentially long for a text that was written for
it, what it puts in may multiply a text, and nothing can be interrupted inside the tokenizers
library. So before anything is cut here, all texts are cut there. A file without such things is
spared that: all else in it takes a time and a memory that grow with the text. What the library
makes of rubbish is found here afterwards, in words.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sif.errors import ClaimError, FingerprintError
from sif.fingerprint.segmenter import (
    TOKENIZER_FILE,
    WildTokenizerError,
    growth,
    parse_tokenizer,
)

SECONDS = 60.0
"""A thousand answers with a vocabulary of 32,000 words take less than one."""
NO_MEMORY: Final = 3
PIECES: Final = ("continuing_subword_prefix", "end_of_word_suffix", "unk_token")
LONGEST_PIECE: Final = 64
SCRIPT: Final = Path(__file__).with_name("cut_alone.py")


def check_ends(tokenizer: bytes, texts: Sequence[str], *, where: str) -> None:
    """Makes sure that a tokenizer cuts texts within a time.

    Args:
        tokenizer: the file.
        texts: all that are to be cut.
        where: its name, for the message.

    Raises:
        ClaimError: it takes longer than `SECONDS`, or more memory than cut_alone.py allows.
        FingerprintError: it would, as the file alone shows.
    """
    if not may_run_wild(tokenizer):
        return
    given = {"tokenizer": tokenizer.decode("utf-8", errors="replace"), "texts": list(texts)}
    try:
        ran = subprocess.run(
            [sys.executable, "-I", str(SCRIPT)],
            input=json.dumps(given).encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ClaimError(
            f"expected {where} to cut {len(texts)} prompts and answers within {SECONDS:g} seconds, "
            "got no end: a pattern in it may be made to run for ever"
        ) from error
    if ran.returncode < 0 or ran.returncode == NO_MEMORY:
        raise ClaimError(
            f"expected {where} to cut {len(texts)} prompts and answers within bounded memory, got "
            "no end: something in it multiplies a text"
        )


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
    return long or any(_is_wild(part) or growth(part) > 2 for part in parts)


def _is_wild(value: Any) -> bool:
    if isinstance(value, dict):
        wild = "Regex" in value or "precompiled_charsmap" in value
        return wild or any(map(_is_wild, value.values()))
    return isinstance(value, list) and any(map(_is_wild, value))
