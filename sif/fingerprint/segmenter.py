"""What cuts a text into ids, for counting: one file, tokenizer.json, and nothing beside it.

Settings around that file (tokenizer_config.json with its `added_tokens_decoder` and
`tokenizer_class`, added_tokens.json, …) can cut the same text otherwise, so they are not read: a
`FileSegmenter` is the `tokenizers` library and that one file, padding and truncation off. Ids that
are never scored are those that the file itself declares special.

Fingerprints from before tokenizer.json was committed alone hold a folder of transformers, read by a
`FolderSegmenter`. The file may come from an adversary: its size is bounded, names stand once in an
object, merges are not dropped at random, and whatever the library makes of rubbish is one error.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from tokenizers import Tokenizer

from sif.errors import FingerprintError, ModelError
from sif.tokenizer_bounds import TOKENIZER_FILE, parse_tokenizer, read_bounded, refuse_wild_folder
from sif.tokenizer_library import in_words


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
        with in_words(where):
            self._tokenizer = Tokenizer.from_str(data.decode("utf-8"))
            self._tokenizer.no_padding()
            self._tokenizer.no_truncation()

    def __len__(self) -> int:
        """V."""
        return int(self._tokenizer.get_vocab_size(with_added_tokens=True))

    def tokens(self, text: str) -> list[Token]:
        """The ids of a text with their places."""
        with in_words(self._where):
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
        with in_words(self._where):
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
        refuse_wild_folder(folder)
        with in_words(self._where):
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)

    def __len__(self) -> int:
        """V."""
        return len(self._tokenizer)

    def tokens(self, text: str) -> list[Token]:
        """The ids of a text with their places."""
        with in_words(self._where):
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


def _content(tokenizer: Any, where: str) -> dict[str, Any]:
    """As the library writes it, but for padding, truncation and dropout, which are not used."""
    with in_words(where):
        content: dict[str, Any] = json.loads(tokenizer.to_str())
    if "dropout" in content["model"]:
        content["model"]["dropout"] = None
    return content | {"padding": None, "truncation": None}
