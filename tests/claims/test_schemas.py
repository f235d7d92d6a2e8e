"""The published JSON Schemas: those of the code, and true of every file in bundles."""

import base64
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator

from sif.claims import audit
from tests.claims.made import Claim
from tools.claim_schemas import FOLDER, MODELS, schema, text_of

GOLDEN = Path(__file__).parents[1] / "golden" / "claim.zip"
FILES = {
    "claim/beforehand.json": "beforehand",
    "claim/commitment.dsse.json": "envelope",
    "claim/seeds.json": "seeds",
    "fingerprint/calibration.json": "calibration",
    "fingerprint/panel.json": "panel",
    "fingerprint/manifest.json": "manifest",
    "fingerprint/model.manifest.json": "model-manifest",
    "fingerprint/request.json": "request",
    "fingerprint/weights.json": "weights",
    "run/reveal.dsse.json": "envelope",
    "run/run.json": "run",
    "run/verdict.json": "verdict",
}
LINES = {"run/journal.jsonl": "journal-line", "run/control.jsonl": "control-line"}
PREDICATES = {"claim/commitment.dsse.json": "commitment", "run/reveal.dsse.json": "reveal"}


class Document(NamedTuple):
    schema: str
    content: Any


def documents(bundle: Path) -> Iterator[Document]:
    """Every JSON of ours in a bundle, with what is signed."""
    with zipfile.ZipFile(bundle) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            if name in LINES:
                yield from (Document(LINES[name], json.loads(row)) for row in data.splitlines())
            elif name.startswith("fingerprint/tokenizer/") or not name.endswith(".json"):
                continue
            else:
                content = json.loads(data)
                yield Document(FILES[name], content)
                if name in PREDICATES:
                    signed = json.loads(base64.b64decode(content["payload"]))
                    yield Document("statement", signed)
                    yield Document(PREDICATES[name], signed["predicate"])


@pytest.mark.parametrize("name", MODELS)
def test_a_published_schema_is_that_of_the_code(name: str) -> None:
    """Else run `python tools/claim_schemas.py`."""
    assert (FOLDER / f"{name}.json").read_text(encoding="utf-8") == text_of(name)
    Draft202012Validator.check_schema(schema(name))


def test_there_is_no_other_schema() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(MODELS)


def test_every_file_of_a_bundle_keeps_its_schema(claim: Claim) -> None:
    seen = set()
    for bundle in (claim.bundle, GOLDEN):
        for document in documents(bundle):
            Draft202012Validator(schema(document.schema)).validate(document.content)
            seen.add(document.schema)
    assert seen >= set(MODELS) - {"audit", "trigger-leaf", "request", "seeds"}


def test_what_an_audit_says_keeps_its_schema(claim: Claim) -> None:
    report = audit(claim.bundle).model_dump(mode="json")
    Draft202012Validator(schema("audit")).validate(report)


def test_a_schema_refuses_what_it_does_not_know(claim: Claim) -> None:
    for document in documents(claim.bundle):
        spoilt = document.content | {"a name that nobody knows": 1}
        assert not Draft202012Validator(schema(document.schema)).is_valid(spoilt)
