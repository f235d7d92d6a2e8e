"""Steps of an audit about the fingerprint's files: pictures, tokenizer, and the rest."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from PIL import Image

from sif.claims.canonical import sha256
from sif.claims.case import Case
from sif.claims.commitment import pictures_of
from sif.claims.reveal import FINGERPRINT
from sif.claims.steps import Finding, Status
from sif.errors import ClaimError, UsageError
from sif.fingerprint.folder import CLAIM, MANIFEST, SECRET, TOKENIZER, FingerprintSet


def check_images(case: Case) -> Finding:
    """All pictures are the committed ones, and can be read."""
    for record in case.manifest.triggers:
        for file, digest in pictures_of(record):
            if sha256(case.take(f"{FINGERPRINT}/{file}")) != digest:
                raise ClaimError(f"{file} is not the picture that was committed to")
    try:
        case.fingerprint = FingerprintSet.load(
            case.folder / FINGERPRINT, secret=case.folder / CLAIM / SECRET
        )
    except Image.DecompressionBombError as error:
        raise ClaimError(f"a picture is too large to be opened: {error}") from error
    return Finding(
        Status.PASS, f"{2 * len(case.manifest.triggers)} pictures are the committed ones"
    )


def check_tokenizer(case: Case) -> Finding:
    """The tokenizer is the committed one; the model's own, where the auditor has that."""
    _check_files(case, [name for name in _named(case) if _is_tokenizer(name)])
    tokenizer = _load(case.fingerprint)
    if len(tokenizer) != case.manifest.vocabulary_size:
        raise ClaimError(
            f"the tokenizer has {len(tokenizer)} ids, the manifest says "
            f"{case.manifest.vocabulary_size}"
        )
    words = f"the tokenizer of {len(tokenizer)} ids is the committed one{_own(case)}"
    shown = case.means.tokenizer is not None or case.header.anchor is not None
    return Finding(Status.PASS if shown else Status.NOT_CHECKED, words)


def check_files(case: Case) -> Finding:
    """Whatever else was committed to is there, unchanged, and nothing is there besides."""
    others = [name for name in _named(case) if not _is_tokenizer(name) and name != MANIFEST]
    _check_files(case, others)
    pictures = {file for record in case.manifest.triggers for file, _ in pictures_of(record)}
    inside = {
        PurePosixPath(name).relative_to(FINGERPRINT).as_posix()
        for name in case.files
        if name.startswith(f"{FINGERPRINT}/")
    }
    extra = sorted(inside - pictures - set(case.header.files))
    if extra:
        raise ClaimError(f"the bundle holds {extra[0]}, which was not committed to")
    words = ", ".join(others) or "nothing else"
    return Finding(Status.PASS, f"{words}: as committed")


def _own(case: Case) -> str:
    """Compares with the auditor's copy of the model's tokenizer; how that ended, in words."""
    from transformers import AutoTokenizer

    folder = case.means.tokenizer
    if folder is None:
        if case.header.anchor is None:
            return ", but a made-up one could favour any words; give the model's own to compare"
        return "; the model's own was not given to compare"
    try:
        known = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise UsageError(f"expected a tokenizer in {folder}, got none that can be read") from error
    ours = case.fingerprint.tokenizer
    texts = [record.prompt for record in case.manifest.triggers]
    pairs = zip(_ids(ours, texts), _ids(known, texts), strict=True)
    if ours.get_vocab() != known.get_vocab() or any(a != b for a, b in pairs):
        raise ClaimError(f"the tokenizer numbers words otherwise than the one in {folder}")
    return f" and has the vocabulary of the one in {folder}"


def _load(fingerprint: FingerprintSet) -> Any:
    """The tokenizer; what its library raises for rubbish has no class of its own."""
    try:
        return fingerprint.tokenizer
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        raise ClaimError(f"the tokenizer cannot be read: {error}") from error
    except BaseException as error:
        if type(error) is Exception:
            raise ClaimError(f"the tokenizer cannot be read: {error}") from error
        raise


def _ids(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    return [list(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts]


def _named(case: Case) -> Iterator[str]:
    yield from sorted(case.header.files)


def _is_tokenizer(name: str) -> bool:
    return name.startswith(f"{TOKENIZER}/")


def _check_files(case: Case, names: list[str]) -> None:
    for name in names:
        if sha256(case.take(f"{FINGERPRINT}/{name}")) != case.header.files[name]:
            raise ClaimError(f"{name} is not the one that was committed to")
