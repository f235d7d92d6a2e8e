"""The one contract of all studies: settings -> parts -> rows -> tables and plots.

A study is data: its name, what it asks, its settings, and a function from settings to findings.
Whatever takes long is cut into parts that are kept in the folder and found again (`sif.scale`).
Files are written here and nowhere else. Knows no single study, and prints nothing.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Any, Final, Generic, NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from sif.errors import StorageError, UsageError
from sif.eval.share_of_parts import ShareOfParts
from sif.files import claim_folder, write_atomically
from sif.held import held
from sif.markdown import code
from sif.parquet import as_parquet
from sif.scale.crew import Crew, Show
from sif.scale.hire import hire
from sif.scale.threads import computing_with
from sif.scale.workforce import Workforce
from sif.study_shares import MARK, words_of
from sif.validation import first_fault

SETTINGS: Final = "settings.json"
SUMMARY: Final = "summary.md"
WRITTEN_BY: Final = re.compile(r"Written by `(sif bench [a-z]{1,40})`;")
DETAILS: Final = "<!-- details -->"
"""Stands between what is printed and what is only written."""

LARGEST: Final = 10**9
"""Of whole numbers in settings, where nothing smaller is said."""
WANTED: Final = {
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_parsing": "true or false",
    "too_short": "at least 1 entry, with commas between several",
}
"""What pydantic misses, by its name for the fault, in our words."""


class Settings(BaseModel):
    """What a study can be told; every field has a default and a description.

    Lists name everything once, as what is asked twice would count twice; numbers are finite.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )

    @field_validator("*", mode="after")
    @classmethod
    def _once_and_within_reason(cls, value: Any) -> Any:
        several = value if isinstance(value, tuple) else (value,)
        if any(isinstance(one, int) and one > LARGEST for one in several):
            raise ValueError(f"expected at most {LARGEST}")
        return tuple(dict.fromkeys(value)) if isinstance(value, tuple) else value


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Where and how a study works.

    Attributes:
        out: its folder; a new one, or that of an earlier run, which then goes on.
        show: is told of progress: stage, done, total, a few words.
        workforce: who carries out its parts.
        share: of the parts that are carried out; all where None.
    """

    out: Path
    show: Show
    workforce: Workforce = field(default_factory=Workforce)
    share: ShareOfParts | None = None

    @property
    def jobs(self) -> int:
        """Parts that are carried out at once; on a cluster, that were asked for."""
        return self.workforce.jobs or 1

    @contextmanager
    def crew(self) -> Iterator[Crew]:
        """Whoever carries out parts, for a block; parts write into the folder themselves.

        Raises:
            SifError: as of `hire`.
            ShareDoneError: what follows needs the parts of others.
        """
        with hire(self.workforce, self.show, shared=self.out) as crew:
            yield crew if self.share is None else self.share.among(crew)


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
        settled: whether a folder goes with one choice of settings, as its parts do not tell which
            they were made with; another is refused.
        one_thread: whether its numbers depend on how many threads compute, so that one does.
        in_parts: whether most of its work is cut into parts, so that others can take a share.
        again: patterns of files, within its folder, that several parts may make, each as good as
            another's but for the time that it took.
    """

    name: str
    settings: type[S]
    quick: Mapping[str, Any]
    run: Callable[[S, Workplace], Findings]
    requirements: Callable[[S], list[Requirement]] | None = None
    settled: bool = False
    one_thread: bool = False
    in_parts: bool = True
    again: tuple[str, ...] = ("*/models/*",)


def run_study(study: Study[S], settings: S, place: Workplace) -> list[Path]:
    """Runs a study, or goes on with an interrupted one, and writes its findings.

    Returns:
        The files that were written, the summary first.

    Raises:
        UsageError: settings that do not go together or not with the folder.
        StorageError: the folder holds something else, another command works in it, or the disk
            refuses.
        SifError: whatever else the study raises.
    """
    claim(place.out, study)
    with held(place.out):
        if study.settled:
            _settle(place.out / SETTINGS, settings)
        with computing_with(1 if study.one_thread else None):
            found = study.run(settings, place)
        details = f"{DETAILS}\n\n{found.details}" if found.details else ""
        made_with = f"{_told(study, settings)}\n\n"
        files = {SUMMARY: made_with + found.summary + details, **found.files}
        written = {place.out / name: _as_bytes(content) for name, content in files.items()}
        for path, content in written.items():
            write_atomically(path, content)
    return list(written)


def _told(study: Study[S], settings: S) -> str:
    """What the findings were made with, in a line: another run may replace them in their folder."""
    defaults = {setting.name: setting.default for setting in settings_of(study)}
    values = {name: _typed(getattr(settings, name)) for name in defaults}
    changed = [code(f"{name}={value}") for name, value in values.items() if value != defaults[name]]
    others = "all others" if changed else "all"
    return f"Settings: {'; '.join([*changed, others])} as by default."


def claim(out: Path, study: Study[S]) -> None:
    """Makes the folder this study's, unless it is something else's.

    Raises:
        StorageError: it is something else's, or the disk refuses.
    """
    mark, words = out / MARK, words_of(study.name)
    there = mark.read_text(encoding="utf-8", errors="replace") if mark.exists() else words
    if there != words:
        other = WRITTEN_BY.match(there)
        whose = f"one of `{other[1]}`" if other else "something else's"
        raise StorageError(
            f"expected a folder of `sif bench {study.name}`, got {whose}: {out}; "
            "name another folder"
        )
    claim_folder(out, mark=MARK, words=words)


def _settle(file: Path, settings: Settings) -> None:
    """Writes the settings into the folder, or checks that they are those that lie there."""
    text = settings.model_dump_json(indent=2)
    if not file.exists():
        write_atomically(file, text)
    elif file.read_text(encoding="utf-8") != text:
        raise UsageError(
            f"expected the settings in {file}, which this folder was begun with, got others; give "
            "the same, or name a new folder"
        )


def read_settings(study: Study[S], texts: Sequence[str], *, quick: bool = False) -> S:
    """Settings as they are typed, `key=value`; lists with commas between their entries.

    Raises:
        UsageError: no such setting, one that is given twice, or a value that it cannot take.
    """
    fields = study.settings.model_fields
    given: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or key not in fields:
            raise UsageError(
                f"expected --set key=value with a key among {', '.join(fields)}, got {text[:80]!r}"
            )
        if key in given:
            raise UsageError(
                f"expected every setting once, got --set {key} again; a list has commas between "
                "its entries"
            )
        given[key] = _value(value, fields[key].annotation)
    try:
        return study.settings.model_validate((dict(study.quick) if quick else {}) | given)
    except ValidationError as error:
        raise UsageError(_fault(study, error)) from error


def _fault(study: Study[S], error: ValidationError) -> str:
    """What is wrong with a setting, in the words of who types it."""
    where, what, got = first_fault(error)
    wanted = WANTED.get(error.errors()[0]["type"])
    field = study.settings.model_fields.get(where)
    if wanted is None:
        wanted = what.replace("input should be ", "", 1) if "should be" in what else None
    elif field is not None and NoneType in get_args(field.annotation):
        wanted += " or none"
    said = what.removeprefix("value error, ") if wanted is None else f"expected {wanted}"
    typed = _typed(got) if isinstance(got, tuple) else got
    return f"--set {where or study.name}: {said}, got {typed!r}"


class Setting(NamedTuple):
    """A setting as `--settings` lists it.

    Attributes:
        name: of the key.
        default: as it would be typed.
        quick: the same with `--quick`; empty where that changes nothing.
        words: what it is.
    """

    name: str
    default: str
    quick: str
    words: str


def settings_of(study: Study[S]) -> list[Setting]:
    """Everything that `--set` takes."""
    return [
        Setting(
            name=name,
            default=_typed(it.get_default(call_default_factory=True)),
            quick=_typed(study.quick[name]) if name in study.quick else "",
            words=" ".join((it.description or "").split()),
        )
        for name, it in study.settings.model_fields.items()
    ]


def _value(text: str, annotation: Any) -> Any:
    """A typed value: nothing or a list where the field takes one, else the text for pydantic."""
    if text.strip().lower() in ("none", "null") and NoneType in get_args(annotation):
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
