"""The one contract of all studies: settings -> parts -> rows -> tables and plots.

A study is data: its name, what it asks, its settings, and a function from settings to findings.
Whatever takes long is cut into parts that are kept in the folder and found again (`sif.eval.jobs`).
Files are written here and nowhere else. Knows no single study, and prints nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sif.errors import UsageError
from sif.eval.jobs import Show
from sif.eval.rows import as_parquet
from sif.files import claim_folder, write_atomically
from sif.validation import first_fault

MARK: Final = "study.txt"
SUMMARY: Final = "summary.md"
DETAILS: Final = "<!-- details -->\n\n"
"""Stands between what is printed and what is only written."""


class Settings(BaseModel):
    """What a study can be told; every field has a default and a description."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Where and how a study works.

    Attributes:
        out: its folder; a new one, or that of an earlier run, which then goes on.
        jobs: processes that work side by side, of one thread each; 1 for this one with all threads.
        show: is told of progress: stage, done, total, a few words.
    """

    out: Path
    jobs: int
    show: Show


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a study found.

    Attributes:
        summary: Markdown for people, printed and written to summary.md.
        details: more Markdown behind it, only written.
        files: by name, text, bytes (plots), or rows (Parquet).
    """

    summary: str
    details: str = ""
    files: Mapping[str, str | bytes | Sequence[BaseModel]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One thing that a study needs, for `--dry-run`.

    Attributes:
        what: is looked at.
        state: ready, download, set aside, or missing, which is all that stands in the way.
        words: what was found, or how to mend it.
        memory: bytes that it takes at least; none where unknown or of no matter.
        download_gb: still to be fetched, in 10⁹ bytes; none where unknown or nothing is.
    """

    what: str
    state: str
    words: str = ""
    memory: int | None = None
    download_gb: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Study(Generic[S]):
    """A question that the laboratory asks.

    Attributes:
        name: in `sif bench NAME`.
        settings: the model of what `--set` takes.
        quick: settings that `--quick` changes, unless `--set` says otherwise.
        run: does the work.
        requirements: what `--dry-run` tells; none where a study needs nothing but this package.
    """

    name: str
    settings: type[S]
    quick: Mapping[str, Any]
    run: Callable[[S, Workplace], Findings]
    requirements: Callable[[S], list[Requirement]] | None = None


def run_study(study: Study[S], settings: S, place: Workplace) -> list[Path]:
    """Runs a study, or goes on with an interrupted one, and writes its findings.

    Returns:
        The files that were written, the summary first.

    Raises:
        UsageError: settings that do not go together, or fewer jobs than 1.
        StorageError: the folder holds something else, or the disk refuses.
        SifError: whatever else the study raises.
    """
    if place.jobs < 1:
        raise UsageError(f"expected at least 1 job, got {place.jobs}")
    words = f"Written by `sif bench {study.name}`; run it again to go on.\n"
    claim_folder(place.out, mark=MARK, words=words)
    found = study.run(settings, place)
    details = DETAILS + found.details if found.details else ""
    written = {SUMMARY: found.summary + details, **found.files}
    for name, content in written.items():
        write_atomically(place.out / name, _as_bytes(content))
    return [place.out / name for name in written]


def read_settings(study: Study[S], texts: Sequence[str], *, quick: bool = False) -> S:
    """Settings as they are typed, `key=value`; lists with commas between their entries.

    Raises:
        UsageError: no such setting, or a value that it cannot take.
    """
    fields = study.settings.model_fields
    given: dict[str, Any] = dict(study.quick) if quick else {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or key not in fields:
            raise UsageError(
                f"expected --set key=value with a key among {', '.join(fields)}, got {text[:80]!r}"
            )
        given[key] = _value(value, fields[key].annotation)
    try:
        return study.settings.model_validate(given)
    except ValidationError as error:
        where, what, got = first_fault(error)
        raise UsageError(f"--set {where or study.name}: {what}, got {got!r}") from error


def settings_of(study: Study[S]) -> list[tuple[str, str, str]]:
    """Name, default as it would be typed, and description of every setting."""
    return [
        (
            name,
            _typed(it.get_default(call_default_factory=True)),
            " ".join((it.description or "").split()),
        )
        for name, it in study.settings.model_fields.items()
    ]


def _value(text: str, annotation: Any) -> Any:
    """A typed value: nothing, a list where the field takes one, else the text for pydantic."""
    if text.strip().lower() in ("none", "null"):
        return None
    if "tuple[" in str(annotation):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text.strip()


def _typed(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "none" if value is None else str(value)


def _as_bytes(content: str | bytes | Sequence[BaseModel]) -> str | bytes:
    return content if isinstance(content, str | bytes) else as_parquet(content)
