"""How much a tokenizer's files may ask for: seen in them alone, before any library reads them.

They may come from an adversary. Their size is bounded, and so are words, ids and added tokens; a
name stands once in an object; nothing multiplies a text beyond measure. What can only be seen by
trying is for `sif.tokenizer_trial`. Knows nothing of what is cut.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sif.errors import FingerprintError
from sif.json_once import TooDeepError, TooMuchError, read_json
from sif.plain_files import open_file
from sif.visible import visible

TOKENIZER_FILE: Final = "tokenizer.json"
LARGEST_FILE: Final = 1 << 26
MOST_ENTRIES: Final = 3_000_000
"""Values in the file; half a million merges and a quarter of a million words are 1.8 million."""
MOST_IDS: Final = 1 << 22
MOST_WORDS: Final = 1 << 20
"""The largest vocabulary that we know has 900,000."""
MOST_NAMED: Final = 3 << 19
"""Colons in the file, as each named value has one: those of a million words and of their like."""
MOST_ADDED: Final = 1 << 16
"""Tokens beside the vocabulary; a thousandth of a second each to read. Whole code books of pictures
that we know have 33,000."""
LONGEST_WORD: Final = 1 << 13
"""Characters of a word; sixteen times those of the longest run of blanks that we know."""
MOST_GROWTH: Final = 1 << 12
"""Letters that a normaliser may make of one, at most: a few patterns that put one in are ten."""
MOST_GROWTH_BACK: Final = 1 << 4
"""Letters that a decoder may make of one; those that we know make two."""
DEEPEST: Final = 64
"""Steps in steps, counting what lists and objects hold; ordinary ones are five deep."""
FILES: Final = (
    *(TOKENIZER_FILE, "tokenizer_config.json", "added_tokens.json", "special_tokens_map.json"),
    *("vocab.json", "vocab.txt", "merges.txt", "tekken.json", "tokenizer.model"),
    *("spiece.model", "sentencepiece.bpe.model", "sentencepiece.model"),
)
"""What libraries read of a folder for its tokenizer."""
_ADDED_IN: Final = ("added_tokens_decoder", "additional_special_tokens", "extra_special_tokens")
_RESTORE: Final = "restore it from where it is from"
_SHOWN: Final = 160


class WildTokenizerError(FingerprintError):
    """A tokenizer that would take a machine's memory or time, as its files alone show."""


def parse_tokenizer(data: bytes, *, where: str) -> dict[str, Any]:
    """The JSON of a tokenizer.json, read as strictly as every reader would.

    Raises:
        WildTokenizerError: beyond the bounds.
        FingerprintError: no JSON object, a name twice in an object, or merges that are dropped at
            random, so that no two readers would count alike.
    """
    content = bounded_tokenizer(data, where=where)
    if content["model"].get("dropout") not in (None, 0):
        raise FingerprintError(
            f"expected a tokenizer that cuts a text always alike, got one with dropout in {where}"
        )
    return content


def bounded_tokenizer(data: bytes, *, where: str) -> dict[str, Any]:
    """The same, whatever it does at random."""
    content = _read(data, where, most=MOST_ENTRIES)
    if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
        raise FingerprintError(f"expected a JSON object with a model in {where}; {_RESTORE}")
    _check_words(content, where)
    for part in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        if _is_deep(content.get(part)):
            raise WildTokenizerError(
                f"expected a {part} of steps in few steps in {where}, got one nested too deep; "
                f"{_RESTORE}"
            )
    for part, most in (
        ("normalizer", MOST_GROWTH),
        ("pre_tokenizer", MOST_GROWTH),
        ("decoder", MOST_GROWTH_BACK),
    ):
        if (grown := growth(content.get(part))) > most:
            raise WildTokenizerError(
                f"expected a {part} that makes at most {most} letters of one in {where}, "
                f"got one that makes {min(grown, 10**9):,} or more; no tokenizer needs that"
            )
    if has_pattern(content.get("decoder")):
        raise WildTokenizerError(
            f"expected a decoder without regular expressions in {where}, got one, which may run "
            "for ever; no tokenizer needs that"
        )
    return content


def refuse_wild_folder(folder: Path) -> bytes | None:
    """Looks at all files that libraries read of a folder for its tokenizer, where they are there.

    Returns:
        tokenizer.json, if it has a regular expression of its own, so that it has to be tried.

    Raises:
        WildTokenizerError: one is beyond the bounds.
        FingerprintError: a tokenizer.json that is none, or that cannot be read.
    """
    added, to_try = 0, None
    for name in FILES:
        path = folder / name
        if not path.is_file():
            continue
        where, data = visible(path), read_bounded(path)
        if name == TOKENIZER_FILE:
            to_try = data if has_pattern(bounded_tokenizer(data, where=where)) else None
        elif path.suffix == ".json":
            most = MOST_ENTRIES if name in ("vocab.json", "tekken.json") else MOST_ADDED * 8
            try:
                content = _read(data, where, most=most)
            except WildTokenizerError:
                raise
            except FingerprintError:
                continue  # libraries do without it, or say so
            words = content if isinstance(content, dict) else {}
            added += len(words) if name == "added_tokens.json" else 0
            added += sum(_number_of(words.get(one)) for one in _ADDED_IN)
            _check_number(added, MOST_ADDED, "added tokens", where)
            _check_number(len(words), MOST_WORDS, "words", where)
        else:
            _check_size(data, where)
    return to_try


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


def has_pattern(part: Any) -> bool:
    """Whether a step of a tokenizer, or one in it, has a regular expression of its own."""
    if isinstance(part, dict):
        return "Regex" in part or any(map(has_pattern, part.values()))
    return isinstance(part, list) and any(map(has_pattern, part))


def read_bounded(path: Path) -> bytes:
    """A tokenizer's file, unread where it is too large.

    Raises:
        FingerprintError: missing, or too large.
    """
    try:
        with open_file(path) as file:
            return file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise FingerprintError(
            f"expected {visible(path)}, which cannot be read: {error.strerror}; {_RESTORE}"
        ) from error


def _read(data: bytes, where: str, *, most: int) -> Any:
    _check_size(data, where)
    _check_number(data.count(b":"), MOST_NAMED, "named values", where)
    try:
        return read_json(data, most=most)
    except (TooMuchError, TooDeepError) as error:
        raise WildTokenizerError(
            f"expected JSON of a tokenizer in {where}, got more than any has: {error}; {_RESTORE}"
        ) from error
    except (ValueError, RecursionError) as error:
        said = visible(" ".join(str(error).split()), longest=_SHOWN)
        raise FingerprintError(
            f"expected JSON in {where}, got something else ({said}); {_RESTORE}"
        ) from error


def _check_size(data: bytes, where: str) -> None:
    if len(data) > LARGEST_FILE:
        raise WildTokenizerError(
            f"expected at most {LARGEST_FILE >> 20} MiB in {where}, got {len(data) >> 20} or more; "
            "no tokenizer that we know is as large"
        )


def _check_words(content: dict[str, Any], where: str) -> None:
    """Tables are made up to the highest id, so that a single one could take all memory."""
    vocabulary, added = content["model"].get("vocab"), content.get("added_tokens")
    ids = list(vocabulary.values()) if isinstance(vocabulary, dict) else []
    listed = added if isinstance(added, list) else []
    ids += [one.get("id") for one in listed if isinstance(one, dict)]
    strange = next((i for i in ids if type(i) is not int or not 0 <= i < MOST_IDS), None)
    if strange is not None:
        raise WildTokenizerError(
            f"expected ids from 0 to {MOST_IDS - 1:,} in {where}, got "
            f"{visible(strange, longest=24)}; {_RESTORE}"
        )
    _check_number(_number_of(vocabulary), MOST_WORDS, "words", where)
    _check_number(_number_of(added), MOST_ADDED, "added tokens", where)
    if (longest := max(map(len, _words(vocabulary, added)), default=0)) > LONGEST_WORD:
        raise WildTokenizerError(
            f"expected words of at most {LONGEST_WORD:,} characters in {where}, got one of "
            f"{longest:,}; {_RESTORE}"
        )


def _words(vocabulary: Any, added: Any) -> Iterator[str]:
    """Every word of a tokenizer.json, in whichever form its kind of model has them."""
    for one in vocabulary if isinstance(vocabulary, dict | list) else ():
        word = one[0] if isinstance(one, list) and one else one
        if isinstance(word, str):
            yield word
    for one in added if isinstance(added, list) else ():
        if isinstance(one, dict) and isinstance(one.get("content"), str):
            yield one["content"]


def _is_deep(part: Any) -> bool:
    inside = [part] if isinstance(part, dict | list) else []
    for _ in range(DEEPEST):
        values = (one.values() if isinstance(one, dict) else one for one in inside)
        inside = [one for some in values for one in some if isinstance(one, dict | list)]
        if not inside:
            return False
    return True


def _number_of(value: Any) -> int:
    return len(value) if isinstance(value, dict | list) else 0


def _check_number(number: int, most: int, what: str, where: str) -> None:
    if number > most:
        raise WildTokenizerError(
            f"expected at most {most:,} {what} in {where}, got {number:,}; no tokenizer that we "
            "know has as many"
        )
