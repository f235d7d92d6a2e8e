"""Attack: tilts of the claimant's choosing, by which a lean that everybody shares looks like none.

An e-value with λ = 20 is large where all words are green, and next to nothing where two thirds are.
It bounds false claims all the same; but what is to *find* a lean, the control and the auditor's
panel, must not be weighed by tilts that the claimant chose to be blind.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sif.claims import Means, audit, commit, reveal
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.policy import TILTS, Policy
from sif.session import Session
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Decision, Query
from tests.claims.made import asked as auditors
from tools.time_audit import answers, make_up, reacting

BLIND = Policy(alpha=1e-12, minimum_answers=3, weighted=False, prompt_scored=False, tilts=(20.0,))


@pytest.fixture
def owned(tmp_path: Path) -> FingerprintSet:
    made = make_up(tmp_path / "fp", triggers=16, vocabulary_size=600)
    commit(made, policy=BLIND, alpha=1e-6)
    return made


def leaning(owned: FingerprintSet, *, green: int) -> Any:
    """Says all green to triggers, and so many green of 30 to base pictures."""
    triggers = answers(owned, green=30, scored=30)
    bases = answers(owned, green=green, scored=30, seed=3)
    images = {one.record.id: one.base.tobytes() for one in owned.triggers}

    def says(query: Query) -> str:
        base = query.image.tobytes() == images[query.trigger]
        return (bases if base else triggers)[query.trigger]

    return says


def test_base_pictures_that_lean_are_found_whatever_the_policys_tilts(
    owned: FingerprintSet, tmp_path: Path
) -> None:
    suspect = ScriptedSuspect(leaning(owned, green=19), name="hf:theirs")
    verdict = Session(
        fingerprint=owned, suspect=suspect, committed=True, run=tmp_path / "run"
    ).verify()
    assert verdict.decision is Decision.INCONCLUSIVE
    assert "lean to green by themselves" in verdict.reason
    reveal(owned, tmp_path / "run", tmp_path / "b.zip")
    assert audit(tmp_path / "b.zip", Means(secrets_tried=1.0)).failed == "control"


def test_a_panel_that_leans_is_found_whatever_the_policys_tilts(
    owned: FingerprintSet, tmp_path: Path
) -> None:
    says = reacting(owned, answers(owned, green=30, scored=30))
    suspect = ScriptedSuspect(says, name="hf:theirs")
    Session(fingerprint=owned, suspect=suspect, committed=True, run=tmp_path / "run").verify()
    reveal(owned, tmp_path / "run", tmp_path / "b.zip")
    means = Means(secrets_tried=1.0)
    assert audit(tmp_path / "b.zip", means).supported
    moved = auditors(answers(owned, green=22, scored=30, seed=5), "stranger")
    found = audit(tmp_path / "b.zip", replace(means, panel=[moved]))
    assert found.failed == "panel", found.steps
    assert "fire on stranger" in found.step("panel").sentence


def test_the_default_tilts_see_a_lean_of_two_thirds() -> None:
    """What the two tests rest on: the grid of the auditor is not the claimant's."""
    assert TILTS[0] <= 0.1
    assert Policy().tilts == TILTS
