"""Calibration: what a panel of unrelated models answers becomes the transfer allowance."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sif.errors import FingerprintError, SuspectError, UsageError
from sif.fingerprint.folder import FingerprintSet
from sif.mini.world import World, sample_scene
from sif.ownership.allowance import Allowances, allowances_of
from sif.ownership.calibrating import Asked, ask_member, calibrate
from sif.ownership.calibration import (
    Calibration,
    Seen,
    read_calibration,
    write_calibration,
)
from sif.ownership.chance import chance_floor
from sif.ownership.policy import Policy
from sif.ownership.recompute import recompute
from sif.ownership.sequential import decide
from sif.ownership.transfer import upper_bound
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Query, Reply, Unanswered
from sif.vlm.model import Vlm
from tests.fingerprint.small import pictures, small_fingerprint, small_recipe


@pytest.fixture(scope="module")
def owned(untrained_llava: Path, tmp_path_factory: pytest.TempPathFactory) -> FingerprintSet:
    """Twenty-four triggers."""
    return small_fingerprint(
        Vlm.load(untrained_llava, device="cpu"),
        tmp_path_factory.mktemp("fp") / "fp",
        images=pictures(24),
        recipe=small_recipe(steps=1),
        batch_size=24,
    )


def stranger(name: str, seed: int) -> ScriptedSuspect:
    """Describes scenes of its own, whatever it is shown."""
    rng, world = np.random.default_rng(seed), World(5)
    return ScriptedSuspect(lambda query: world.caption(sample_scene(rng), rng), name=name)


def leaning(owned: FingerprintSet, *, green: int, red: int, name: str) -> ScriptedSuspect:
    """Answers with so many words of either kind."""

    def answer(query: Query) -> str:
        mask, vocabulary = owned.mask(query.trigger), owned.tokenizer.get_vocab()
        words = sorted(word for word in vocabulary if word.isalpha() and len(word) > 2)
        chosen = [word for word in words if mask[vocabulary[word]]][:green]
        return " ".join(chosen + [word for word in words if not mask[vocabulary[word]]][:red])

    return ScriptedSuspect(answer, name=name)


def panel(owned: FingerprintSet) -> list[Asked]:
    return [ask_member(owned, stranger(f"stranger {seed}", seed)) for seed in (1, 2, 3)]


def test_the_allowance_is_the_largest_bound_of_any_member(owned: FingerprintSet) -> None:
    asked = panel(owned)
    found = calibrate(owned, asked, confidence=0.99)
    leanings = [list(one.leanings(found.gamma).values()) for one in asked]
    bounds = [upper_bound(some, confidence=0.99) for some in leanings]
    assert max(bounds) <= found.allowance <= max(bounds) + 1e-4
    for member, bound, some in zip(found.members, bounds, leanings, strict=True):
        assert bound <= member.upper_bound <= bound + 1e-4
        assert member.reaction == pytest.approx(np.mean(some))
        assert len(some) == 24
    assert found.reaction == pytest.approx(np.mean(leanings))
    assert found.upper_bound < max(bounds)


def test_a_calibration_of_before_bounds_all_members_together(owned: FingerprintSet) -> None:
    asked = panel(owned)
    before = calibrate(owned, asked, confidence=0.97, simultaneous=True)
    assert before.allowance == calibrate(owned, asked, confidence=0.99).allowance
    assert "simultaneous" not in before.model_dump()  # as its file was written
    assert before.allowance > calibrate(owned, asked, confidence=0.97).allowance


@pytest.mark.parametrize("means", [(0.6, 0.1, 0.1, 0.1), (0.4, 0.4, 0.4, 0.4), (0.5,)])
def test_the_largest_bound_is_below_the_largest_mean_no_oftener_than_a_single_one_is(
    means: tuple[float, ...],
) -> None:
    rng = np.random.default_rng(1)
    confidence, rounds = 0.8, 400
    missed = 0
    for _ in range(rounds):
        seen = rng.random((len(means), 24)) < np.array(means)[:, None]
        bounds = [upper_bound(list(map(float, one)), confidence=confidence) for one in seen]
        missed += max(bounds) < max(means)
    assert missed / rounds <= 1.0 - confidence + 3.0 * np.sqrt(0.2 * 0.8 / rounds)


def test_the_highest_unrelated_score_of_a_trigger_is_that_of_any_member() -> None:
    def member(green: int, **others: int) -> Asked:
        seen = {"0001": Seen(green=green, scored=100)}
        seen |= {name: Seen(green=count, scored=100) for name, count in others.items()}
        return Asked(f"m{green}", "none", 0.0, seen)

    made = Calibration(
        fingerprint="",
        created="",
        confidence=0.99,
        gamma=0.5,
        allowance=0.1,
        reaction=0.1,
        upper_bound=0.6,
        members=[
            {
                "suspect": one.suspect,
                "image_attack": "none",
                "green_rate": 0.5,
                "upper_bound": 0.6,
                "log10_e_value": 0.0,
                "reaction": 0.1,
                "answers": one.answers,
            }
            for one in (member(55, x=40), member(60), member(45))
        ],
    )
    assert made.highest_unrelated == pytest.approx({"0001": 2.0, "x": -2.0})


def test_a_claim_against_a_calibrated_fingerprint_excludes_transfer(owned: FingerprintSet) -> None:
    found = calibrate(owned, panel(owned))
    policy = Policy(transfer_allowance=found.allowance)
    copy = leaning(owned, green=45, red=3, name="copy")
    verdict = decide(owned, copy, policy, highest_unrelated=found.highest_unrelated)
    assert verdict.decision.value == "derived"
    assert verdict.transfer_log10_e_value is not None
    assert verdict.transfer_log10_e_value >= 2.0
    assert verdict.match_rate == 1.0
    early = decide(owned, copy)
    assert early.queries < verdict.queries

    moved = leaning(owned, green=31, red=23, name="moved a little")
    lax = Policy(alpha=1e-2)
    assert decide(owned, moved, lax).decision.value == "derived"
    calibrated = lax.model_copy(update={"transfer_allowance": found.allowance})
    assert decide(owned, moved, calibrated).decision.value == "inconclusive"


def test_a_calibration_is_read_back_and_belongs_to_one_fingerprint(
    owned: FingerprintSet, tmp_path: Path
) -> None:
    found = calibrate(owned, panel(owned))
    assert read_calibration(owned.folder) is None
    write_calibration(owned.folder, found)
    try:
        assert read_calibration(owned.folder) == found
        other = tmp_path / "other"
        other.mkdir()
        (other / "manifest.json").write_text("{}")
        write_calibration(other, found)
        with pytest.raises(FingerprintError, match="another's"):
            read_calibration(other)
        path = owned.folder / "calibration.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 2}))
        with pytest.raises(FingerprintError, match="version 1"):
            read_calibration(owned.folder)
    finally:
        (owned.folder / "calibration.json").unlink()


def test_pictures_that_were_not_calibrated_are_refused(owned: FingerprintSet) -> None:
    asked = [ask_member(owned, stranger("a", 1), image_attack=a) for a in ("none", "jpeg:75")]
    found = calibrate(owned, asked)
    assert found.image_attacks == ("none", "jpeg:75")
    for attack in found.image_attacks:
        assert allowances_of(found, Policy(), image_attack=attack)[0] == found.allowance
    with pytest.raises(UsageError, match="--image-attack jpeg:50"):
        allowances_of(found, Policy(), image_attack="jpeg:50")
    assert allowances_of(None, Policy(), image_attack="jpeg:50") == Allowances()


def test_a_calibration_covers_audits_that_ask_alike(owned: FingerprintSet) -> None:
    policy = Policy(repeats=2, also_ask=("What is there?",))
    suspect = stranger("a", 1)
    found = calibrate(owned, [ask_member(owned, suspect, policy=policy)], policy=policy)
    assert len(suspect.asked) == 24 * 4
    assert allowances_of(found, policy)[0] == found.allowance
    for other, example, words in (
        (Policy(repeats=2), None, "got further prompts none .*the same --also-ask"),
        (
            policy.model_copy(update={"repeats": 1}),
            None,
            r"got 1 repeats \(calibrated: 2\).*--repeats 1",
        ),
        (policy, "A dog.", r'got example "A dog\." \(calibrated: none\).*the same --example'),
    ):
        with pytest.raises(UsageError, match=words):
            allowances_of(found, other, example=example)


def test_a_panel_that_proves_nothing_is_refused(owned: FingerprintSet) -> None:
    with pytest.raises(UsageError, match="got none"):
        calibrate(owned, [])
    one = ask_member(owned, stranger("a", 1))
    with pytest.raises(UsageError, match="one of them twice"):
        calibrate(owned, [one, one])
    too_few = one._replace(answers=dict(list(one.answers.items())[:1]))
    with pytest.raises(UsageError, match="make more triggers"):
        calibrate(owned, [too_few], confidence=0.9999999)
    silent = ScriptedSuspect(lambda query: Unanswered(reason="refused"), name="silent")
    with pytest.raises(SuspectError, match=r"silent, got none \(refused\)"):
        ask_member(owned, silent)


def test_an_allowance_is_never_below_what_chance_gives(owned: FingerprintSet) -> None:
    """A panel that says only red words, three hundred times over."""
    red = Seen(green=10, scored=60)
    silent = Asked("red", "none", 0.0, {f"{number:04}": red for number in range(300)})
    found = calibrate(owned, [silent])
    floor = chance_floor([60], vocabulary_size=owned.vocabulary_size, green_size=owned.green_size)
    assert found.members[0].upper_bound < floor <= found.allowance <= floor + 1e-4


def test_the_source_and_its_copies_are_refused(owned: FingerprintSet) -> None:
    innocent = ask_member(owned, stranger("a", 1))
    model = owned.manifest.model
    digest = model.digest
    assert digest is not None
    older = model.model_copy(update={"model_sha256": None})
    older_manifest = owned.manifest.model_copy(update={"model": older})
    quantised = innocent._replace(suspect=f"hf:elsewhere@{digest}?quantize=nf4")
    with pytest.raises(UsageError, match="weights are those"):
        calibrate(replace(owned, manifest=older_manifest), [innocent, quantised])
    assert calibrate(owned, [innocent, quantised]).members  # ten digits decide nothing any more
    copy = ask_member(owned, leaning(owned, green=45, red=3, name="copy"))
    with pytest.raises(UsageError, match=r"copy, whose answers have a log10 e-value .*limit 6"):
        calibrate(owned, [innocent, copy])


def test_a_calibration_follows_from_the_recorded_answers(owned: FingerprintSet) -> None:
    policy, asked, answers = Policy(repeats=2), [], {}
    for seed in (1, 2):
        held: dict[str, Reply] = {}
        inner = stranger(f"stranger {seed}", seed)

        def answer(
            query: Query, held: dict[str, Reply] = held, inner: ScriptedSuspect = inner
        ) -> Reply:
            held[query.digest] = inner.ask([query])[0]
            return held[query.digest]

        asked.append(ask_member(owned, ScriptedSuspect(answer, name=inner.name), policy=policy))
        answers[inner.name] = held
    stated = calibrate(owned, asked, policy=policy, confidence=0.95)
    assert recompute(owned, answers, stated) == stated
    assert recompute(owned, answers, stated.model_copy(update={"allowance": 0.001})) == stated
    with pytest.raises(SuspectError, match="no answer was recorded"):
        recompute(owned, {}, stated)


def test_a_member_that_is_a_copy_after_all_stands_out(owned: FingerprintSet) -> None:
    copy = ask_member(owned, leaning(owned, green=45, red=3, name="copy"))
    assert copy.log10_e_value > 6.0 > max(one.log10_e_value for one in panel(owned)) + 3.0
