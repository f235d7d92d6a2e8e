"""The step of an audit about title: was the model committed to before anybody else had it?

Whoever takes a model that somebody else released can make triggers on it, commit, and claim its
descendants: an audit of all else passes, for they do derive from that model. What he cannot do is
to date his commitment before the release. So the model, by the digest of all its files, must have
been committed to, under a trusted timestamp, before it or a parent with the same files of weights
was public. When that was is for the auditor to know.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from sif.claims.case import Case
from sif.claims.model_signature import check_model_signature
from sif.claims.reveal import FINGERPRINT
from sif.claims.steps import Finding, Status
from sif.errors import ClaimError
from sif.fingerprint.model_manifest import (
    MODEL_MANIFEST,
    MODEL_SIGNATURE,
    ModelManifest,
    read_model_manifest,
)


class Known(NamedTuple):
    """What is known of one parent: in words, and whether that leaves the title open."""

    words: str
    open: bool


def check_title(case: Case) -> Finding:
    """The model was committed to before it, or a parent with files of its weights, was public."""
    named, released, files = case.manifest.model, case.means.model_released, _committed(case)
    signed = _signature(case, files)
    if files is None:
        return Finding(
            Status.NOT_CHECKED,
            f"whose {named.words} is: the digest is of samples, or of none, and the digests of its "
            "files were not committed to",
        )
    model = named.model_copy(update={"model_sha256": files.root}).words
    parents = list(_parents(case, files, model))
    beside = "".join(f"; {parent.words}" for parent in parents) + signed
    if released is None or case.stamped is None or not case.trusted:
        why = "give its release" if released is None else "there is no trusted timestamp"
        return Finding(
            Status.NOT_CHECKED,
            f"whose {model} is: whoever has a model that somebody else released can make triggers "
            f"on it and claim its descendants ({why}){beside}",
        )
    _check_older(case.stamped, released, model)
    status = Status.NOT_CHECKED if any(parent.open for parent in parents) else Status.PASS
    return Finding(
        status, f"{model} was committed to before its release of {_day(released)}{beside}"
    )


def _committed(case: Case) -> ModelManifest | None:
    """The digests of the model's files, as they were committed to."""
    named = case.manifest.model.model_sha256
    if MODEL_MANIFEST not in case.header.files:
        if named is not None:
            raise ClaimError(f"{MODEL_MANIFEST} was not committed to, which gives the digest")
        return None
    found = read_model_manifest(case.folder / FINGERPRINT)
    assert found is not None  # the step `files` has seen it
    if named is not None and found.root != named:
        raise ClaimError(f"{MODEL_MANIFEST} is that of another model than the manifest names")
    return found


def _signature(case: Case, files: ModelManifest | None) -> str:
    """Checks the model's signature where the auditor has its key; what that showed, in words."""
    key, there = case.means.model_signature_key, MODEL_SIGNATURE in case.header.files
    if key is None:
        return "; the model's signature was not checked, for its key was not given" if there else ""
    if not there or files is None:
        lacks = "no signature of the model" if not there else "no digests of the model's files"
        raise ClaimError(f"the claim holds {lacks}, which the given key was to check")
    more = check_model_signature(case.folder / FINGERPRINT / MODEL_SIGNATURE, key, files)
    beside = f" and {more} more" if more else ""
    return f"; its {len(files.digests)} files{beside} are signed under the given key"


def _parents(case: Case, files: ModelManifest, model: str) -> Iterator[Known]:
    for parent in case.means.parents:
        shared, released = sorted(parent.shared(files)), parent.released
        since = "" if released is None else f", public since {_day(released)}"
        stamped = case.stamped if case.trusted else None
        if not shared:
            before = released is not None and (stamped is None or stamped >= released)
            yield Known(
                f"no file of weights is that of {parent.name}{since}, which shows nothing where "
                "the model was trained on from it",
                open=before,
            )
            continue
        whole = len({*files.weights, *shared})
        what = f"{len(shared)} of {whole} files of weights are those of {parent.name}"
        if released is not None and stamped is not None:
            _check_older(stamped, released, f"{model}, of which {what},")
        yield Known(f"{what}{since or '; give its release'}", open=released is None)


def _check_older(stamped: datetime, released: datetime, model: str) -> None:
    if stamped >= released:
        raise ClaimError(
            f"{model} was public on {_day(released)}, before the commitment of {_day(stamped)}, so "
            "that anybody could have made triggers on it"
        )


def _day(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"
