"""Words and names inside an attack's text form, always quoted there, so that it has one meaning.

Knows no single attacks.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from sif.errors import UsageError

W = TypeVar("W", bound="Worded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Worded:
    """An attack that is told words; a family mixes this in before its own base.

    Attributes:
        words: at least one.

    Raises:
        UsageError: no words.
    """

    attack: ClassVar[str]
    example: ClassVar[str]

    words: str

    def __post_init__(self) -> None:
        if not self.words.strip():
            raise _wordless(self.attack, self.example)

    def __str__(self) -> str:
        return f"{self.attack}:{quoted(self.words)}"

    @classmethod
    def read(cls: type[W], text: str) -> W:
        """The attack with the words that were written behind its name (`read_words`).

        Raises:
            UsageError: none, quotes that do not close, or a file that cannot be read as text.
        """
        return cls(words=read_words(text, attack=cls.attack, example=cls.example))


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
        raise _wordless(attack, example)
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


def _wordless(attack: str, example: str) -> UsageError:
    return UsageError(f"{attack} needs its words; write for example {example}")
