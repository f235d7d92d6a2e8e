"""Steps of an audit about the fingerprint's files: pictures and the rest, but the tokenizer."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from sif.claims.canonical import sha256
from sif.claims.case import Case
from sif.claims.commitment import pictures_of
from sif.claims.pixels import check_headers, largest_change
from sif.claims.reveal import FINGERPRINT
from sif.claims.steps import Finding, Status
from sif.errors import ClaimError
from sif.fingerprint.folder import CLAIM, MANIFEST, SECRET, TOKENIZER, FingerprintSet
from sif.watermark.keys import RevealedKeys


def check_images(case: Case) -> Finding:
    """All pictures are the committed ones, and triggers differ from their bases by ε at most."""
    files = [pair for record in case.revealed for pair in pictures_of(record)]
    for file, digest in files:
        if sha256(case.take(f"{FINGERPRINT}/{file}")) != digest:
            raise ClaimError(f"{file} is not the picture that was committed to")
    check_headers(case.folder / FINGERPRINT / file for file, _ in files)
    case.fingerprint = _load(case)
    return Finding(Status.PASS, f"{len(files)} pictures are the committed ones; {_changes(case)}")


def _load(case: Case) -> FingerprintSet:
    folder = case.folder / FINGERPRINT
    if isinstance(case.keys, RevealedKeys):
        return FingerprintSet.load_revealed(folder, case.keys)
    return FingerprintSet.load(folder, secret=case.folder / CLAIM / SECRET)


def _changes(case: Case) -> str:
    """How far triggers are from their base pictures, in words.

    Raises:
        ClaimError: further than the recipe allows, or than the auditor does.
    """
    recipe, limit = case.manifest.recipe, case.means.largest_change
    epsilon = limit if recipe is None else min(limit, recipe.schedule.epsilon)
    found: dict[str, int] = {}
    for trigger in case.fingerprint.triggers:
        if trigger.has_base:
            found[trigger.record.id] = largest_change(trigger.image, trigger.base)
    if not found:
        return "without base pictures no change can be measured"
    worst = max(found, key=lambda name: found[name])
    if found[worst] > epsilon:
        whose = "the recipe's" if epsilon < limit else "the auditor's"
        raise ClaimError(
            f"trigger {worst} differs from its base picture by {found[worst]}/255, more than "
            f"{epsilon:g}/255, {whose} limit"
        )
    some = "" if len(found) == len(case.fingerprint.triggers) else f" of the {len(found)} with one"
    return (
        f"the largest change from base pictures{some} is {found[worst]}/255, of at most "
        f"{epsilon:g}/255"
    )


def check_files(case: Case) -> Finding:
    """Whatever else was committed to is there, unchanged, and nothing is there besides."""
    others = [name for name in named(case) if not is_tokenizer(name) and name != MANIFEST]
    check_digests(case, others)
    pictures = {file for record in case.revealed for file, _ in pictures_of(record)}
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


def named(case: Case) -> Iterator[str]:
    """The files that were committed to, pictures apart."""
    yield from sorted(case.header.files)


def is_tokenizer(name: str) -> bool:
    """Whether such a file belongs to the tokenizer."""
    return name.startswith(f"{TOKENIZER}/")


def check_digests(case: Case, names: list[str]) -> None:
    """Makes sure that files are those that were committed to.

    Raises:
        ClaimError: one is not, or is missing.
    """
    for name in names:
        if sha256(case.take(f"{FINGERPRINT}/{name}")) != case.header.files[name]:
            raise ClaimError(f"{name} is not the one that was committed to")
