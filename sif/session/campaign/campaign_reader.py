"""Reads the file of a campaign: checked whole, and complained of by line and field.

Paths in it are relative to its own folder. Reaches nobody and loads nothing.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, get_args
from urllib.parse import parse_qsl, urlencode

from pydantic import BaseModel, ValidationError

from sif.errors import SifError, UsageError
from sif.files import is_there
from sif.http.lanes import host_of
from sif.plain_files import read_text_file
from sif.session.campaign.campaign_file import (
    LONGEST_LABEL,
    AskedFingerprint,
    AskedSuspect,
    Campaign,
    Rules,
    slug,
)
from sif.suspects.prefaced import read_example
from sif.validation import first_fault
from sif.visible import quoted, visible
from sif.vlm.placeholders import refuse as refuse_placeholders
from sif.yaml_lines import Lines
from sif.yaml_once import NoYamlError, read_yaml

# Options of an address that name a folder.
FOLDERS: Final = ("base", "lora")
HINT: Final = "`sif audit-all --example` shows a file that works"


def read_campaign(file: str | Path) -> Campaign:
    """A campaign from its file, with labels for all and paths made absolute.

    Raises:
        UsageError: no such file, no YAML, or a field that cannot be; the message names its line.
    """
    path = Path(file)
    try:
        text = read_text_file(path)
        content = read_yaml(text)
        lines = Lines(text)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"expected a campaign in YAML, got {path}: {reason}; {HINT}") from error
    except NoYamlError as error:
        raise UsageError(f"expected a campaign in YAML, got {path}: {error}; {HINT}") from error
    if not isinstance(content, dict):
        raise UsageError(f"expected a campaign in YAML, fields with values, in {path}; {HINT}")
    try:
        campaign = Campaign.model_validate(content)
    except ValidationError as error:
        raise UsageError(_complaint(path, lines, error)) from error
    return _checked(campaign, path, lines)


def _complaint(path: Path, lines: Lines, error: ValidationError) -> str:
    first = error.errors()[0]
    where, what, got = first_fault(error)
    way = [step for step in first["loc"] if isinstance(step, int) or step not in ("bool", "int")]
    place = f"{path}, line {lines.of(way)}: {'.'.join(map(str, way)) or where}"
    if first["type"] == "extra_forbidden":
        return f"{place}: no such field; known here are {', '.join(_known(way[:-1]))}"
    if first["type"] == "missing":
        return f"{place}: expected this field, got none; {HINT}"
    if isinstance(way[-1], int) or way[-1] in ("suspects", "suspect"):
        # An address may hold a password, though it should not.
        return f"{place}: {what}, got a {type(got).__name__}; correct the file"
    return f"{place}: {what}, got {visible(repr(got), longest=100)}; correct the file"


def _known(way: Sequence[str | int]) -> list[str]:
    """The fields that there are at a place."""
    model: type[BaseModel] = Campaign
    for step in way:
        if step in model.model_fields:
            model = next(_models(model.model_fields[str(step)].annotation), model)
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inside in get_args(annotation):
        yield from _models(inside)


def _checked(campaign: Campaign, path: Path, lines: Lines) -> Campaign:
    """The campaign with labels and paths, once what needs no model has been looked at."""
    folder = path.absolute().parent
    owned, asked = [], []
    for place, one in enumerate(campaign.fingerprints):
        with _placed_at(path, lines, ("fingerprints", place)):
            owned.append(_settled_fingerprint(one, folder))
    with _placed_at(path, lines, ("out",)):
        out = str(_placed(campaign.out, folder))
    for place, suspect in enumerate(campaign.suspects):
        with _placed_at(path, lines, ("suspects", place)):
            asked.append(_settled_suspect(suspect, folder))
    for place, fingerprint in enumerate(campaign.fingerprints):
        with _placed_at(path, lines, ("fingerprints", place)):
            _check_rules(fingerprint)
    with _placed_at(path, lines, ("policy",)):
        _check_prompts(campaign.policy)
    _refuse_alike(path, lines, "fingerprints", [slug(one.label).lower() for one in owned], "label")
    _refuse_alike(path, lines, "fingerprints", [_asked_about(one) for one in owned], "folder")
    _refuse_alike(path, lines, "suspects", [slug(one.label).lower() for one in asked], "label")
    _refuse_alike(path, lines, "suspects", [one.name for one in asked], "address and manner")
    known = {host for one in asked for host in _hosts_of(one)}
    for host in campaign.limits.hosts:
        if host not in known:
            raise UsageError(
                f"{path}, line {lines.of(['limits', 'hosts', host])}: limits.hosts: no suspect is "
                f"at {quoted(host)}; known are {', '.join(sorted(known)) or 'none'}"
            )
    return campaign.model_copy(
        update={
            "fingerprints": tuple(owned),
            "suspects": tuple(asked),
            "out": out,
        }
    )


@contextmanager
def _placed_at(path: Path, lines: Lines, way: Sequence[str | int]) -> Iterator[None]:
    """What is complained of within it is said with its place."""
    try:
        yield
    except SifError as error:
        place = f"{path}, line {lines.of(way)}: {'.'.join(map(str, way))}"
        raise UsageError(f"{place}: {error}") from error


def _settled_fingerprint(one: AskedFingerprint, folder: Path) -> AskedFingerprint:
    place = _placed(one.fingerprint, folder)
    plain = place.name and visible(place.name) == place.name
    if not one.label and not (plain and len(place.name) <= LONGEST_LABEL):
        raise UsageError("expected a label, for the folder has a name that is none; give one")
    secret = None if one.secret is None else str(_placed(one.secret, folder))
    changes = {"fingerprint": str(place), "secret": secret, "label": one.label or place.name}
    return one.model_copy(update=changes)


def _asked_about(one: AskedFingerprint) -> str:
    """What of a fingerprint is asked, and how."""
    words = [str(Path(one.fingerprint).resolve())]
    words += ["as committed"] if one.committed else []
    words += [] if one.claim_batch is None else [f"batch {one.claim_batch}"]
    words += [] if one.policy is None else [one.policy.model_dump_json()]
    return ", ".join(words)


def _check_rules(one: AskedFingerprint) -> None:
    if one.committed and one.policy is not None:
        raise UsageError(
            "expected either the rules that were committed to (committed: true) or a policy, got "
            "both; leave one out"
        )
    if one.claim_batch is not None and not one.committed:
        raise UsageError("claim_batch: a batch is asked by the rules of its claim; set committed")
    if one.policy is not None:
        _check_prompts(one.policy)


def _check_prompts(rules: Rules) -> None:
    refuse_placeholders("also_ask", list(rules.also_ask))


def _settled_suspect(one: AskedSuspect, folder: Path) -> AskedSuspect:
    example = one.example
    if example is not None:
        file = example.startswith("@")
        example = read_example(f"@{_placed(example[1:], folder)}" if file else example)
    settled = one.model_copy(
        update={
            "suspect": _located_address(one.suspect, folder),
            "image_attacks": tuple(_located_attack(text, folder) for text in one.image_attacks),
            "answer_attacks": tuple(_located_attack(text, folder) for text in one.answer_attacks),
            "example": example,
        }
    )
    settled.manner.check()
    return settled.model_copy(update={"label": one.label or settled.made_label})


def _located_address(text: str, folder: Path) -> str:
    """An address in which folders that lie beside the file are absolute; ids stay as they are."""
    scheme, colon, rest = text.partition(":")
    if scheme not in ("hf", "vllm") or not colon:
        return text
    target, mark, query = rest.partition("?")
    try:
        words = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        return text
    told = [(name, _if_there(at, folder) if name in FOLDERS else at) for name, at in words]
    behind = mark + (query if told == words else urlencode(told))
    return f"{scheme}:{_if_there(target, folder)}{behind}"


def _located_attack(text: str, folder: Path) -> str:
    """An attack in which a file behind an @ that lies beside the campaign's is absolute."""
    name, mark, file = text.partition("@")
    return name + mark + (_if_there(file, folder) if mark else "")


def _if_there(text: str, folder: Path) -> str:
    try:
        place = _placed(text, folder)
    except UsageError:  # which whoever takes the address says in its own words
        return text
    return str(place) if text and is_there(place) else text


def _placed(text: str, folder: Path) -> Path:
    """A path beside the file.

    Raises:
        UsageError: no system takes it, or it lies in the home of somebody unknown.
    """
    try:
        os.fsencode(text)
        if "\0" in text:
            raise ValueError
        return folder / Path(text).expanduser()
    except (ValueError, RuntimeError) as error:
        raise UsageError(f"expected a path, got {quoted(text)}; correct it") from error


def _refuse_alike(path: Path, lines: Lines, part: str, names: Sequence[str], what: str) -> None:
    first: dict[str, int] = {}
    for place, name in enumerate(names):
        if name in first:
            before, here = (lines.of([part, at]) for at in (first[name], place))
            raise UsageError(
                f"{path}, line {here}: {part}.{place}: the same {what} as in line {before}, "
                f"{quoted(name)}; every pair is asked once, so give another or leave one out"
            )
        first[name] = place


def _hosts_of(one: AskedSuspect) -> Iterator[str]:
    """The names by which limits may be given for an endpoint."""
    address = one.address
    if address is not None and address.scheme == "openai":
        host = host_of(address.target)
        yield host
        yield host.rpartition(":")[0]
