"""What cuts a text into ids, for counting: one file, tokenizer.json, and nothing beside it.

Settings around that file (tokenizer_config.json with its `added_tokens_decoder` and
`tokenizer_class`, added_tokens.json, …) can cut the same text otherwise, so they are not read: a
`FileSegmenter` is the `tokenizers` library and that one file, padding and truncation off. Ids that
are never scored are those that the file itself declares special.

Fingerprints from before tokenizer.json was committed alone hold a folder of transformers, read by a
`FolderSegmenter`. The file may come from an adversary: its size is bounded, names stand once in an
object, merges are not dropped at random, and whatever the library makes of rubbish is one error.
"""

import contextlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

from tokenizers import Tokenizer

from sif.errors import FingerprintError, ModelError
from sif.json_once import read_json
from sif.visible import visible

TOKENIZER_FILE: Final = "tokenizer.json"
LARGEST_FILE: Final = 1 << 26
MOST_ENTRIES: Final = 4_000_000
"""Values in the file; half a million merges and a quarter of a million words are 1.8 million."""
MOST_IDS: Final = 1 << 22
MOST_GROWTH: Final = 1 << 12
"""Letters that a normaliser may make of one, at most: a few patterns that put one in are ten."""
_RESTORE: Final = "restore it from the owner's copy"
_SHOWN: Final = 160


class WildTokenizerError(FingerprintError):
    """A tokenizer that would take a machine's memory, as its file alone shows."""


class Token(NamedTuple):
    """One id of a text, and the characters that it stands for."""

    number: int
    start: int
    end: int


class Segmenter(ABC):
    """Cuts texts into ids.

    `len`, `get_vocab`, `batch_decode` and `all_special_ids` are called as transformers calls them,
    so that `sif.suspects.token_texts` takes either.
    """

    @abstractmethod
    def __len__(self) -> int:
        """V, how many ids there are."""

    @abstractmethod
    def tokens(self, text: str) -> list[Token]:
        """The ids of a text with their places; nothing is put before or behind them.

        Raises:
            FingerprintError: the tokenizer cannot cut this text.
        """

    @property
    @abstractmethod
    def all_special_ids(self) -> list[int]:
        """Ids that are never scored, sorted."""

    @abstractmethod
    def get_vocab(self) -> dict[str, int]:
        """The id of every entry."""

    @abstractmethod
    def batch_decode(
        self,
        sequences: Sequence[Sequence[int]],
        *,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool = False,
    ) -> list[str]:
        """What each sequence of ids writes."""

    @abstractmethod
    def content(self) -> dict[str, Any] | None:
        """All that cuts, as this library writes it down; None where a tokenizer has no such file.

        Raises:
            FingerprintError: the library cannot write it.
        """

    def ids(self, text: str) -> list[int]:
        """The ids of a text.

        Raises:
            FingerprintError: the tokenizer cannot cut this text.
        """
        return [token.number for token in self.tokens(text)]


class FileSegmenter(Segmenter):
    """tokenizer.json, and nothing else.

    Args:
        data: the file.
        where: its name, for messages.
        special_ids: never scored; where None, those that the file declares special.

    Raises:
        FingerprintError: too large, no tokenizer, or one that does not cut a text always alike.
    """

    def __init__(
        self, data: bytes, *, where: str, special_ids: frozenset[int] | None = None
    ) -> None:
        self._where, self._special_ids = where, special_ids
        parse_tokenizer(data, where=where)
        with _library(where):
            self._tokenizer = Tokenizer.from_str(data.decode("utf-8"))
            self._tokenizer.no_padding()
            self._tokenizer.no_truncation()

    def __len__(self) -> int:
        """V."""
        return int(self._tokenizer.get_vocab_size(with_added_tokens=True))

    def tokens(self, text: str) -> list[Token]:
        """The ids of a text with their places."""
        with _library(self._where):
            made = self._tokenizer.encode(text, add_special_tokens=False)
            return [Token(i, *span) for i, span in zip(made.ids, made.offsets, strict=True)]

    @cached_property
    def all_special_ids(self) -> list[int]:
        """Ids that are never scored."""
        if self._special_ids is not None:
            return sorted(self._special_ids)
        added = self._tokenizer.get_added_tokens_decoder()
        return sorted(index for index, token in added.items() if token.special)

    def get_vocab(self) -> dict[str, int]:
        """The id of every entry."""
        return dict(self._tokenizer.get_vocab(with_added_tokens=True))

    def batch_decode(
        self,
        sequences: Sequence[Sequence[int]],
        *,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool = False,
    ) -> list[str]:
        """What each sequence writes."""
        del clean_up_tokenization_spaces  # a habit of transformers; the file knows none
        rows = [list(map(int, ids)) for ids in sequences]
        with _library(self._where):
            texts = self._tokenizer.decode_batch(rows, skip_special_tokens=skip_special_tokens)
            return [str(text) for text in texts]

    def content(self) -> dict[str, Any]:
        """All that cuts."""
        return _content(self._tokenizer, self._where)


class FolderSegmenter(Segmenter):
    """A tokenizer of transformers, with its settings: how older fingerprints were counted.

    Args:
        folder: as `save_pretrained` wrote it.

    Raises:
        FingerprintError: it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer

        self._where = str(folder)
        with _library(self._where):
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)

    def __len__(self) -> int:
        """V."""
        return len(self._tokenizer)

    def tokens(self, text: str) -> list[Token]:
        """The ids of a text with their places."""
        with _library(self._where):
            if not self._tokenizer.is_fast:
                ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
                return [Token(index, 0, 0) for index in ids]
            made = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
            spans = zip(made["input_ids"], made["offset_mapping"], strict=True)
            return [Token(index, *span) for index, span in spans]

    @property
    def all_special_ids(self) -> list[int]:
        """Ids that are never scored."""
        return sorted(set(self._tokenizer.all_special_ids))

    def get_vocab(self) -> dict[str, int]:
        """The id of every entry."""
        return dict(self._tokenizer.get_vocab())

    def batch_decode(
        self,
        sequences: Sequence[Sequence[int]],
        *,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool = False,
    ) -> list[str]:
        """What each sequence writes."""
        texts: list[str] = self._tokenizer.batch_decode(
            sequences,
            skip_special_tokens=skip_special_tokens,
            clean_up_tokenization_spaces=clean_up_tokenization_spaces,
        )
        return texts

    def content(self) -> dict[str, Any] | None:
        """All that cuts."""
        if not self._tokenizer.is_fast:
            return None
        return _content(self._tokenizer.backend_tokenizer, self._where)


def known_segmenter(folder: Path) -> Segmenter:
    """How a model's known tokenizer cuts.

    By its whole folder, as transformers reads it; by tokenizer.json where that is all there is.

    Raises:
        FingerprintError: none that can be read.
    """
    settings = [path.name for path in folder.glob("*.json") if path.name != TOKENIZER_FILE]
    if settings or not (folder / TOKENIZER_FILE).is_file():
        return FolderSegmenter(folder)
    path = folder / TOKENIZER_FILE
    return FileSegmenter(read_bounded(path), where=str(path))


def tokenizer_json(tokenizer: Any) -> bytes:
    """The file that cuts as a model's own tokenizer does.

    Args:
        tokenizer: of transformers; what was added to it is in the file, how it pads, truncates and
            drops merges at random is not.

    Raises:
        ModelError: it is none that one file can hold.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(
            f"expected a model with a fast tokenizer, whose {TOKENIZER_FILE} says all of how text "
            f"is cut into ids, got {type(tokenizer).__name__}; convert it (transformers writes "
            f"{TOKENIZER_FILE} when a fast tokenizer is saved) and use the folder with that file"
        )
    try:
        content = _content(tokenizer.backend_tokenizer, type(tokenizer).__name__)
    except FingerprintError as error:
        raise ModelError(str(error)) from error
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def parse_tokenizer(data: bytes, *, where: str) -> dict[str, Any]:
    """The JSON of a tokenizer.json, read as strictly as every reader would.

    Raises:
        FingerprintError: too large, no JSON object, a name twice in an object, or merges that are
            dropped at random, so that no two readers would count alike.
    """
    if len(data) > LARGEST_FILE:
        raise FingerprintError(
            f"expected at most {LARGEST_FILE >> 20} MiB in {where}, got {len(data) >> 20}; no "
            "tokenizer that we know is as large"
        )
    try:
        content = read_json(data, most=MOST_ENTRIES)
    except (ValueError, RecursionError) as error:
        raise FingerprintError(
            f"expected JSON in {where}, got something else ({_short(error)}); {_RESTORE}"
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
        raise FingerprintError(f"expected a JSON object with a model in {where}; {_RESTORE}")
    if content["model"].get("dropout") not in (None, 0):
        raise FingerprintError(
            f"expected a tokenizer that cuts a text always alike, got one with dropout in {where}"
        )
    _check_ids(content, where)
    for part in ("normalizer", "pre_tokenizer", "decoder"):
        if (grown := growth(content.get(part))) > MOST_GROWTH:
            raise WildTokenizerError(
                f"expected a {part} that makes at most {MOST_GROWTH} letters of one in {where}, "
                f"got one that makes {min(grown, 10**9):,} or more; no tokenizer needs that"
            )
    return content


def _check_ids(content: dict[str, Any], where: str) -> None:
    """Tables are made up to the highest id, so that a single one could take all memory."""
    vocabulary, added = content["model"].get("vocab"), content.get("added_tokens")
    ids = list(vocabulary.values()) if isinstance(vocabulary, dict) else []
    ids += [one.get("id") for one in added or () if isinstance(one, dict)]
    strange = next((i for i in ids if type(i) is not int or not 0 <= i < MOST_IDS), None)
    if strange is not None:
        raise WildTokenizerError(
            f"expected ids from 0 to {MOST_IDS - 1:,} in {where}, got "
            f"{visible(strange, longest=24)}; {_RESTORE}"
        )


def growth(part: Any) -> int:
    """By how much a step of a tokenizer and all that are in it can multiply a text."""
    if isinstance(part, list):
        return math.prod(map(growth, part))
    if not isinstance(part, dict):
        return 1
    own = 1
    for name in ("content", "prepend", "replacement"):
        if isinstance(words := part.get(name), str):
            pattern = part.get("pattern")
            plain = pattern.get("String") if isinstance(pattern, dict) else None
            # A regular expression may match between any two letters.
            own = max(own, -(-len(words) // len(plain)) if plain else len(words) + 1)
    inside = [value for value in part.values() if isinstance(value, dict | list)]
    return own * math.prod(map(growth, inside))


def read_bounded(path: Path) -> bytes:
    """A tokenizer.json, unread where it is too large.

    Raises:
        FingerprintError: missing, or too large.
    """
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise FingerprintError(
            f"expected {path}, which cannot be read: {error.strerror}; {_RESTORE}"
        ) from error


def _content(tokenizer: Any, where: str) -> dict[str, Any]:
    """As the library writes it, but for padding, truncation and dropout, which are not used."""
    with _library(where):
        content: dict[str, Any] = json.loads(tokenizer.to_str())
    if "dropout" in content["model"]:
        content["model"]["dropout"] = None
    return content | {"padding": None, "truncation": None}


@contextlib.contextmanager
def _library(where: str) -> Iterator[None]:
    """Around calls of the tokenizer's library: what it raises for rubbish becomes one line.

    It raises plain `Exception`, and where its Rust code panics (an index beyond a table, a chunk of
    length 0) pyo3's `PanicException`, which derives from `BaseException` so that nobody catches it
    by chance and which cannot be imported. The panic has unwound to the border by then and the
    object is thrown away, so that catching it here is safe. All else, such as Ctrl-C, goes on.
    """
    try:
        yield
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        ImportError,
        AssertionError,
        RuntimeError,
    ) as error:
        raise FingerprintError(f"the tokenizer in {where} fails: {_short(error)}") from error
    except BaseException as error:
        if type(error) is Exception or _is_panic(error):
            raise FingerprintError(f"the tokenizer in {where} fails: {_short(error)}") from error
        raise


def _is_panic(error: BaseException) -> bool:
    kind = type(error)
    return (kind.__module__, kind.__name__) == ("pyo3_runtime", "PanicException")


def _short(error: BaseException) -> str:
    """What an error says, in one bounded line of plain characters."""
    return visible(" ".join(str(error).split()), longest=_SHOWN)
