"""Audits of a whole roster: copies by their words, siblings by theirs, whatever the handling."""

from collections.abc import Sequence

import pytest

from sif.errors import UsageError
from sif.eval.triggers.roster import Role
from sif.eval.verdicts.audits import (
    Audit,
    Replies,
    as_table,
    audits_of,
    left_out,
    left_out_table,
)
from sif.eval.verdicts.study import VerdictSettings
from sif.fingerprint.folder import FingerprintSet
from sif.types import Answer
from tools.time_audit import answers, make_up

ROLES: dict[str, Role] = {
    "source": "source",
    "nf4": "copy",
    "kin": "innocent",
    "one": "innocent",
    "two": "innocent",
}
ABOUT = {"family": "llava", "method": "sif", "seed": 0}


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> FingerprintSet:
    return make_up(tmp_path_factory.mktemp("fp") / "fp", triggers=16, vocabulary_size=600)


def replies(owned: FingerprintSet, *, green: int, seeds: Sequence[int]) -> Replies:
    """What is said to plain and to compressed pictures."""
    found = {}
    for attack, seed in zip(("none", "jpeg:75"), seeds, strict=True):
        told = answers(owned, green=green, scored=30, seed=seed)
        found[attack] = [Answer(text=told[one.record.id]) for one in owned.triggers]
    return found


@pytest.fixture(scope="module")
def told(owned: FingerprintSet) -> dict[str, Replies]:
    return {
        "source": replies(owned, green=27, seeds=(1, 2)),
        "nf4": replies(owned, green=27, seeds=(2, 2)),  # to plain pictures as if compressed
        "kin": replies(owned, green=24, seeds=(3, 4)),
        "one": replies(owned, green=22, seeds=(5, 6)),
        "two": replies(owned, green=20, seeds=(7, 8)),
    }


@pytest.fixture(scope="module")
def audits(owned: FingerprintSet, told: dict[str, Replies]) -> list[Audit]:
    return audits_of(
        owned,
        about=ABOUT,
        roles=ROLES,
        answers=told,
        panel=("one", "two"),
        source="source",
    )


def test_everybody_but_the_panel_is_audited_by_each_test_and_handling(audits: list[Audit]) -> None:
    assert len(audits) == 3 * 2 * 3
    assert {one.suspect for one in audits} == {"source", "nf4", "kin"}


def test_contrast_tells_a_sibling_that_reacts_from_a_copy(audits: list[Audit]) -> None:
    derived = {(one.suspect, one.test) for one in audits if one.derived}
    assert {("source", "contrast"), ("nf4", "contrast"), ("nf4", "both")} <= derived
    assert not {name for name, test in derived if test == "reaction"}
    assert "kin" not in {name for name, _test in derived}
    for one in audits:
        if one.test == "contrast" and one.suspect == "nf4":
            assert one.contrast == 1.0
    assert all(one.contrast is None for one in audits if one.test == "reaction")


def test_the_table_counts_copies_and_innocents(audits: list[Audit]) -> None:
    table = as_table(audits)
    assert "| sif | none | contrast | 1 of 1 | 0 of 1 |" in table
    assert "| sif | jpeg:75 | reaction | 0 of 1 | 0 of 1 | more | more |" in table
    assert as_table([]) == ""


def test_every_innocent_is_left_out_of_panels_of_the_others(
    owned: FingerprintSet, told: dict[str, Replies]
) -> None:
    named = {"sibling": told["kin"], "sibling-b": told["one"], "stranger": told["two"]}
    rows = left_out(
        owned,
        about=ABOUT,
        answers={"source": told["source"], **named},
        innocents=list(named),
        source="source",
    )
    assert {(one.audit.suspect, one.panel) for one in rows} == {
        (name, tuple(other for other in named if other != name)) for name in named
    }
    assert {one.audit.test for one in rows} >= {"contrast", "both"}
    table = left_out_table(rows)
    assert "| sif | contrast | sibling | with siblings | 4 | 0 | 0.0% to 60.2% |" in table
    assert "| sif | both | stranger | any | 2 | 0 | 0.0% to 84.2% |" in table
    assert left_out_table([]) == ""


def test_settings_refuse_what_cannot_be_asked() -> None:
    assert VerdictSettings(image_attacks=("jpeg:75",)).handlings == ("none", "jpeg:75")
    with pytest.raises(UsageError):
        VerdictSettings(image_attacks=("jpeg:1000",))
    with pytest.raises(UsageError):
        VerdictSettings(methods=("no-such-recipe",))


def test_audits_are_rows_on_disk(audits: list[Audit]) -> None:
    again = [Audit.model_validate_json(one.model_dump_json()) for one in audits]
    assert again == audits
