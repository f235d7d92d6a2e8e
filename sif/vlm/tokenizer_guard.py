"""Tokenizers of strangers: bounded before they are read, and tried elsewhere before they cut here.

Whatever asks a guarded tokenizer, each text goes through a process with limits first. Knows nothing
of chat templates or of pictures.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sif.errors import FingerprintError, ModelError
from sif.tokenizer_bounds import TOKENIZER_FILE, refuse_wild_folder
from sif.tokenizer_trial import EndlessTokenizerError, cut_elsewhere
from sif.vlm.foreign import READING, WithKinds

SECONDS: Final = 1.5
"""Of the processor; an ordinary turn takes thousandths."""
MOST_IDS: Final = 2**17
"""Of one text; a turn with the largest pictures has some ten thousand."""
PROBE: Final = "sif probe of a tokenizer"
SETTINGS: Final = "tokenizer_config.json"


def refuse_wild_tokenizer(place: str | Path, source: object) -> None:
    """Looks at the files of a tokenizer before transformers reads them.

    Args:
        place: folder or hub id of the model.
        source: what the user named.

    Raises:
        ModelError: more of anything than tokenizers have, or a pattern that cannot be made ready.
    """
    folder = _folder_of(place)
    if folder is None:
        return
    try:
        to_try = refuse_wild_folder(folder)
        if to_try is not None:
            _try(to_try, [PROBE], source)
    except FingerprintError as error:
        raise ModelError(f"cannot read the tokenizer of {source}: {error}") from error


def guard(tokenizer: Any, source: object) -> None:
    """Has each text tried elsewhere first, from now on; tokenizers without a file are left alone.

    Args:
        tokenizer: of transformers, changed in place.
        source: what the user named.
    """
    if getattr(tokenizer, "is_fast", False) and hasattr(tokenizer, "_encode_plus"):
        tokenizer._encode_plus = _Guard(tokenizer, str(source))


class _Guard:
    """In place of a tokenizer's own method, which all its ways of cutting come through."""

    def __init__(self, tokenizer: Any, source: str) -> None:
        self._tokenizer, self._source = tokenizer, source
        self._file: bytes | None = None

    def __call__(self, *words: Any, **settings: Any) -> Any:
        texts = list(_texts([words[:2], settings.get("text"), settings.get("text_pair")]))
        if self._file is None:
            self._file = self._tokenizer.backend_tokenizer.to_str().encode()
        _try(self._file, texts, self._source)
        with WithKinds():
            return type(self._tokenizer)._encode_plus(self._tokenizer, *words, **settings)


def _try(file: bytes, texts: list[str], source: object) -> None:
    try:
        cut = cut_elsewhere(file, texts, seconds=SECONDS)
    except EndlessTokenizerError as error:
        raise _refusal(source, f"takes {error}") from error
    if cut.fault is not None:
        raise _refusal(source, f"fails ({cut.fault.rpartition(' fails: ')[2]})")
    if cut.ids > MOST_IDS:
        raise _refusal(source, f"makes {cut.ids:,} ids of it")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def _folder_of(place: str | Path) -> Path | None:
    """Where the files are; those of a hub id are fetched, as they would be in a moment."""
    folder = Path(place).expanduser()
    if folder.is_dir():
        return folder
    from transformers.utils import cached_file

    for name in (SETTINGS, TOKENIZER_FILE):
        try:
            found = cached_file(str(place), name, _raise_exceptions_for_missing_entries=False)
        except READING:
            return None
        folder = Path(found).parent if found is not None else folder
    return folder


def _refusal(source: object, what: str) -> ModelError:
    return ModelError(
        f"expected the tokenizer of {source} to cut a turn into some ids, got one that {what}; "
        f"replace {TOKENIZER_FILE} by that of the model's own release"
    )
