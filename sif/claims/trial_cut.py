"""Whether a tokenizer from outside comes to an end: tried in a process of its own, with a limit.

A regular expression in tokenizer.json may take exponentially long for a text that was written for
it, and nothing can be interrupted inside the tokenizers library. So before anything is cut here,
all texts are cut there. A file without such a pattern is spared that: all else in it takes a time
that grows with the text. What the library makes of rubbish is found here afterwards, in words.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sif.errors import ClaimError, FingerprintError
from sif.fingerprint.segmenter import TOKENIZER_FILE, parse_tokenizer

SECONDS = 60.0
"""A thousand answers with a vocabulary of 32,000 words take less than one."""
SCRIPT: Final = Path(__file__).with_name("cut_alone.py")


def check_ends(tokenizer: bytes, texts: Sequence[str], *, where: str) -> None:
    """Makes sure that a tokenizer cuts texts within a time.

    Args:
        tokenizer: the file.
        texts: all that are to be cut.
        where: its name, for the message.

    Raises:
        ClaimError: it takes longer than `SECONDS`.
    """
    if not has_patterns(tokenizer):
        return
    given = {"tokenizer": tokenizer.decode("utf-8", errors="replace"), "texts": list(texts)}
    try:
        subprocess.run(
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


def has_patterns(tokenizer: bytes) -> bool:
    """Whether a tokenizer.json has a regular expression of its own; so too where it is no JSON."""
    try:
        content = parse_tokenizer(tokenizer, where=TOKENIZER_FILE)
    except FingerprintError:
        return True
    return any(_names_one(value) for name, value in content.items() if name != "model")


def _names_one(value: Any) -> bool:
    if isinstance(value, dict):
        return "Regex" in value or any(map(_names_one, value.values()))
    return isinstance(value, list) and any(map(_names_one, value))
