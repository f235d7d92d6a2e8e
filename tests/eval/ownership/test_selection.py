"""What selecting does to innocents, and that our own pipeline selects nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sif.eval.ownership.corpus import OWNER, SIBLING, load_corpus
from sif.eval.ownership.results import Accusation
from sif.eval.ownership.selection import OTHER_PICTURE, selection_rules
from sif.fingerprint.folder import FingerprintSet, Trigger
from sif.fingerprint.manifest import Request
from sif.fingerprint.memory import Fitting
from sif.fingerprint.plan import Plan, trigger_id
from sif.ownership.policy import Policy
from sif.ownership.sequential import decide
from sif.suspects.scripted import ScriptedSuspect
from sif.vlm.model import Vlm
from sif.watermark.keys import KeyRing
from tests.eval.ownership.believable import believable
from tests.fingerprint.small import KEYS, pictures, small_fingerprint, small_recipe


@pytest.fixture(scope="module")
def accusations() -> dict[str, Accusation]:
    corpus, rng = load_corpus(), np.random.default_rng(1)
    rows = selection_rules(corpus[OWNER], corpus[SIBLING], triggers=25, audits=2500, rng=rng)
    return {row.rule: row for row in rows}


def test_our_rule_keeps_its_promise(accusations: dict[str, Accusation]) -> None:
    (ours,) = (row for rule, row in accusations.items() if rule.startswith("ours"))
    assert all(believable(rate) for rate in ours.rates)
    assert ours.rates[0].high <= 0.05


@pytest.mark.parametrize(
    "rule",
    [
        "a z-test looked at after every trigger",
        "asked strongest first, by the source's score",
        "asked strongest first, by the suspect's own score",
        "the source's weaker half dropped",
        "the suspect's own weaker half dropped",
        "the best of 2 keys for the source",
        "the best of 4 keys for the source",
        "the best of 16 keys for the source",
        OTHER_PICTURE,
    ],
)
def test_every_selection_breaks_it(accusations: dict[str, Accusation], rule: str) -> None:
    for rate in accusations[rule].rates[:2]:
        assert rate.low > 2 * rate.alpha, rate


@pytest.fixture(scope="module")
def vlm(untrained_llava: Path) -> Vlm:
    return Vlm.load(untrained_llava, device="cpu")


@pytest.fixture(scope="module")
def owned(vlm: Vlm, tmp_path_factory: pytest.TempPathFactory) -> FingerprintSet:
    """Four triggers of which every one is weak, and stays so."""
    return small_fingerprint(
        vlm,
        tmp_path_factory.mktemp("fp") / "fp",
        images=pictures(9),
        count=4,
        recipe=small_recipe(steps=1, attempts=2, minimum_z=99.0),
        batch_size=4,
    )


def test_weak_triggers_are_neither_dropped_nor_given_another_key(owned: FingerprintSet) -> None:
    records = [trigger.record for trigger in owned.triggers]
    assert all(record.quality.weak and record.quality.attempts == 2 for record in records)
    assert [record.id for record in records] == [trigger_id(index) for index in range(4)]
    assert [r.key_commitment for r in records] == [KEYS.commitment(r.id) for r in records]


def test_making_again_changes_neither_the_picture_nor_the_green_list(
    vlm: Vlm, owned: FingerprintSet
) -> None:
    request = Request.model_validate_json((owned.folder / "request.json").read_text())
    plan = Plan(vlm, pictures(9), request, KEYS, None, Fitting(8, None))
    first, *later = (plan.draft(2, attempt, None) for attempt in range(3))
    for draft in later:
        assert draft.source_image == first.source_image
        assert draft.seed != first.seed
        assert np.array_equal(draft.green, first.green)


def test_triggers_are_asked_in_the_order_of_the_manifest_whatever_keys_and_quality_are(
    owned: FingerprintSet,
) -> None:
    for keys, signals in ((KEYS, range(4)), (KeyRing(bytes(32)), range(4, 0, -1))):
        triggers = tuple(map(with_signal, owned.triggers, signals))
        some = FingerprintSet(owned.folder, owned.manifest, triggers, keys)
        suspect = ScriptedSuspect(lambda query: "a small ring at the top left")
        verdict = decide(some, suspect, Policy(alpha=1e-9), batch_size=1)
        asked = [query.trigger for query in suspect.asked]
        assert asked == [trigger_id(index) for index in range(4)]
        assert [record.id for record in verdict.per_trigger] == asked


def with_signal(trigger: Trigger, z: float) -> Trigger:
    """The same trigger, as if the source had answered it with this score."""
    quality = trigger.record.quality.model_copy(update={"z": float(z)})
    return replace(trigger, record=trigger.record.model_copy(update={"quality": quality}))
