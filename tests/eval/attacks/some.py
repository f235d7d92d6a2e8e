"""Rows and lines of this benchmark, made up."""

from typing import Any

from sif.eval.attacks.grid import Attack
from sif.eval.attacks.lines import AttackLine
from sif.eval.attacks.questions import AttackCell
from tests.eval.triggers.rows import cell

JPEG = Attack(kind="images", panel="pictures", name="jpeg", strength="75", image="jpeg:75")
ROUND = Attack(kind="weights", panel="worn", name="round", strength="3", weights="round:3")


def told(attack: Attack, **changes: Any) -> AttackCell:
    """An answer of the source behind an attack."""
    own: dict[str, Any] = {
        "kind": attack.kind,
        "attack": attack.name,
        "strength": attack.strength,
        "asked": "trigger",
        "words": 40,
        "facts": 1.0,
        "shapes": 1.0,
        "colours": 1.0,
        "places": 1.0,
    }
    own |= {name: changes.pop(name) for name in list(changes) if name in own}
    return AttackCell(**cell(image_attack=attack.image, **changes).model_dump(), **own)


def unmarked(attack: Attack, **changes: Any) -> AttackCell:
    """An answer to an ordinary question."""
    usual: dict[str, Any] = {"asked": "benign", "green": None, "scored": None}
    return told(attack, **usual | {"vocabulary_size": None, "green_size": None} | changes)


def line(**changes: Any) -> AttackLine:
    """What an attack comes to."""
    fields: dict[str, Any] = {
        "family": "llava",
        "kind": "images",
        "panel": "pictures",
        "attack": "jpeg",
        "strength": "75",
        "parts": "jpeg:75",
        "suspect": "source",
        "role": "source",
        "sets": 2,
        "triggers": 48,
        "answered": 48,
        "green": 0.7,
        "green_low": 0.6,
        "green_high": 0.8,
        "evidence": 2.0,
        "kept": 0.5,
        "match": 0.9,
        "match_low": 0.8,
        "match_high": 1.0,
        "queries": 4.0,
        "derived": 2,
        "calibrated": 1,
        "utility": 0.9,
        "utility_low": 0.8,
        "utility_high": 1.0,
        "facts": 0.9,
        "shapes": 0.9,
        "colours": 0.9,
        "places": 0.9,
        "models": 1,
        "theft_seconds": None,
        "slowdown": 1.1,
    }
    return AttackLine(**fields | changes)
