"""Dictionaries of interchangeable words, as data: English, the mini world's, or a file of yours.

Knows nothing of attacks.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from sif.errors import UsageError
from sif.json_once import read_json

BUNDLED: Final = ("english", "mini-world")


class _File(BaseModel):
    """A dictionary on disk: groups of words, no word in two of them.

    Attributes:
        about: a sentence for readers.
        groups: interchangeable words in small letters; the first is the plainest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = 1
    about: str = ""
    groups: tuple[tuple[str, ...], ...]

    @model_validator(mode="after")
    def _words_once(self) -> "_File":
        seen: set[str] = set()
        for word in (word for group in self.groups for word in group):
            if word in seen:
                raise ValueError(f"expected every word once, got {word!r} twice")
            if word != word.strip().lower() or not word:
                raise ValueError(f"expected words in small letters, got {word!r}")
            seen.add(word)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Thesaurus:
    """Interchangeable words.

    Attributes:
        name: `english`, `mini-world`, or a file with a digest of what it holds.
        groups: of interchangeable words; the first of each is the plainest.
    """

    name: str
    groups: tuple[tuple[str, ...], ...]

    def group(self, word: str) -> tuple[str, ...]:
        """The words that may stand for this one, itself among them; none where it is unknown."""
        return _index(self.groups).get(word.lower(), ())


@cache
def load_thesaurus(source: str) -> Thesaurus:
    """A bundled dictionary by name, or one in a JSON file (`{"groups": [["big", "large"], …]}`).

    Raises:
        UsageError: neither, or a file that is no dictionary.
    """
    if source in BUNDLED:
        text = resources.files("sif.attacks.answers").joinpath(f"{source}.json").read_text("utf-8")
        return Thesaurus(name=source, groups=_File.model_validate_json(text).groups)
    path = Path(source).expanduser()
    try:
        text = path.read_text(encoding="utf-8")
        groups = _File.model_validate(read_json(text)).groups
    except (OSError, ValueError) as error:
        raise UsageError(
            f"expected a dictionary ({', '.join(BUNDLED)}, a JSON file with groups of words) or a "
            f"language model's folder, got {source[:60]!r}: {_reason(error)}"
        ) from error
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    return Thesaurus(name=f"{source} {digest}", groups=groups)


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return error.errors(include_input=False, include_url=False)[0]["msg"].lower()
    return (error.strerror or "unreadable") if isinstance(error, OSError) else "it is no JSON text"


@cache
def _index(groups: tuple[tuple[str, ...], ...]) -> dict[str, tuple[str, ...]]:
    return {word: group for group in groups for word in group}
