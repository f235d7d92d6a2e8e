"""JSON Schemas (2020-12) of every JSON in a bundle, and of what an audit says of one.

`python tools/claim_schemas.py` writes them to docs/reference/schemas; a test says whether they are
those of the code. They say what is well formed, not what is true.
"""

import json
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from sif.claims.anchor import Beforehand
from sif.claims.commitment import Header, TriggerLeaf
from sif.claims.control_record import ControlLine
from sif.claims.envelope import EnvelopeRecord, Statement
from sif.claims.record import Line
from sif.claims.reveal import Reveal
from sif.claims.seeds import Seeds
from sif.claims.steps import AuditReport
from sif.fingerprint.manifest import Manifest, Request
from sif.fingerprint.model_manifest import ModelManifest
from sif.fingerprint.weights import WeightTable
from sif.ownership.calibration import Calibration
from sif.ownership.panel_answers import PanelAnswers
from sif.ownership.run import RunRecord
from sif.ownership.verdict import Verdict

FOLDER: Final = Path(__file__).parent.parent / "docs" / "reference" / "schemas"

# By the name of the schema: the model, and the file of a bundle or the place that it describes.
MODELS: Final[dict[str, tuple[type[BaseModel], str]]] = {
    "audit": (AuditReport, "what `sif claim audit --json` prints"),
    "beforehand": (Beforehand, "claim/beforehand.json"),
    "calibration": (Calibration, "fingerprint/calibration.json"),
    "panel": (PanelAnswers, "fingerprint/panel.json"),
    "commitment": (Header, "the predicate of claim/commitment.dsse.json"),
    "control-line": (ControlLine, "one line of run/control.jsonl"),
    "envelope": (EnvelopeRecord, "claim/commitment.dsse.json and run/reveal.dsse.json"),
    "journal-line": (Line, "one line of run/journal.jsonl"),
    "manifest": (Manifest, "fingerprint/manifest.json"),
    "model-manifest": (ModelManifest, "fingerprint/model.manifest.json"),
    "request": (Request, "fingerprint/request.json"),
    "reveal": (Reveal, "the predicate of run/reveal.dsse.json"),
    "seeds": (Seeds, "claim/seeds.json"),
    "run": (RunRecord, "run/run.json"),
    "statement": (Statement, "the payload of either envelope"),
    "trigger-leaf": (TriggerLeaf, "a leaf of the tree under the root, behind the header"),
    "verdict": (Verdict, "run/verdict.json"),
    "weights": (WeightTable, "fingerprint/weights.json"),
}


def schema(name: str) -> dict[str, Any]:
    """One schema, without what its docstrings say to programmers."""
    model, place = MODELS[name]
    made: dict[str, Any] = _plain(TypeAdapter(model).json_schema(mode="validation"))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:sif:schema:{name}",
        **made,
        "title": name,
        "description": f"{made.get('description', model.__name__)} ({place})",
    }


def text_of(name: str) -> str:
    """The file of one schema."""
    return json.dumps(schema(name), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _plain(value: Any) -> Any:
    """Descriptions are cut to their first paragraph."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    made = {name: _plain(one) for name, one in value.items()}
    if isinstance(made.get("description"), str):
        made["description"] = " ".join(made["description"].split("\n\n")[0].split())
    return made


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for one in MODELS:
        (FOLDER / f"{one}.json").write_text(text_of(one), encoding="utf-8")
