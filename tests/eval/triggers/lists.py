"""Small rosters, as the YAML file would hold them."""

from pathlib import Path
from typing import Any

import yaml

from sif.eval.triggers.plan import Plan, TriggerSettings, make_plan
from sif.eval.triggers.real_roster import RealRoster, RosterFile, real_roster


def entry(name: str, suspect: str, role: str = "copy", **more: Any) -> dict[str, Any]:
    return {"name": name, "suspect": suspect, "role": role, "split": "held out", **more}


def content(
    source: str | Path = "org/model", /, *more: dict[str, Any], **changes: Any
) -> dict[str, Any]:
    """A roster of the source and of `more`; `changes` replace fields."""
    return {
        "name": "little",
        "source": {"model": str(source)},
        "images": "pictures of anything",
        "triggers": 2,
        "methods": ["sif"],
        "suspects": [entry("source", f"hf:{source}", "source"), *more],
    } | changes


def little(
    source: str | Path = "org/model",
    /,
    *more: dict[str, Any],
    images: Path | None = None,
    **changes: Any,
) -> RealRoster:
    """The same as a roster, with a folder of base images."""
    return real_roster(RosterFile.model_validate(content(source, *more, **changes)), images)


def plan_of(roster: RealRoster, **choices: Any) -> Plan:
    return make_plan(roster, TriggerSettings.model_construct(**choices))


def write(path: Path, roster: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(roster), encoding="utf-8")
    return path
