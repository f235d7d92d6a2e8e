"""Words and names inside an attack's text form, always quoted there, so that it has one meaning."""

import json
from pathlib import Path

from sif.errors import UsageError


def quoted(words: str) -> str:
    """The words in double quotes, as JSON has them."""
    return json.dumps(words, ensure_ascii=False)


def unquoted(text: str, *, attack: str, example: str) -> str:
    """The words that were written behind an attack's name, with or without quotes.

    Raises:
        UsageError: none, or quotes that do not close.
    """
    words = text
    if text.startswith('"'):
        try:
            words = json.loads(text)
        except json.JSONDecodeError as error:
            raise UsageError(
                f"expected {attack} with words in closed double quotes, got {text[:40]!r}; write "
                f"for example {example}"
            ) from error
    if not words.strip():
        raise UsageError(f"{attack} needs its words; write for example {example}")
    return words


def read_words(text: str, *, attack: str, example: str) -> str:
    """Words as they are typed: themselves, in quotes or not, or `@FILE` that holds them.

    Raises:
        UsageError: none, quotes that do not close, or a file that cannot be read as text.
    """
    words = unquoted(text, attack=attack, example=example)
    if not words.startswith("@"):
        return words
    try:
        held = Path(words[1:]).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(
            f"cannot read the words of {attack} in {words[1:]}: {reason}; name a text file"
        ) from error
    if not held:
        raise UsageError(f"expected words for {attack} in {words[1:]}, got none")
    return held
