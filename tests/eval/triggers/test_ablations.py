"""Every ablation is the default recipe, or `sif-wire`, with one thing changed."""

from pathlib import Path

import pytest

from sif.eval.triggers import method
from sif.fingerprint.recipe import load_recipe

FILES = sorted((Path(method.__file__).parent / "ablations").glob("*.yaml"))


def test_there_are_ablations_of_objective_terms_and_schedule() -> None:
    changed = {field for file in FILES for field in _changes(file)}
    assert changed == {"objective", "robustness", "schedule"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_one_thing_is_changed_and_the_name_is_the_files(file: Path) -> None:
    assert load_recipe(file).name == file.stem
    assert len(_changes(file)) == 1


def _changes(file: Path) -> list[str]:
    whole = load_recipe("sif-wire" if file.stem.startswith("wire-") else "sif")
    part = load_recipe(file)
    fields = ("gamma", "objective", "robustness", "schedule", "quality")
    return [field for field in fields if getattr(whole, field) != getattr(part, field)]
