"""The three outcomes, and whose α, τ, suspect, clock and count of runs decide."""

import json
import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sif.claims import Means, Outcome, Status, audit, read_commitment, reveal
from sif.claims.check_transfer import MARGIN
from sif.claims.reveal import Reveal
from sif.claims.runs import count_of, count_run
from sif.errors import ClaimError, UsageError
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.chance import chance_reaction
from sif.ownership.null import HypergeometricNull
from sif.session.session import Session
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Unanswered
from tests.claims.made import (
    VERDICT,
    Claim,
    Files,
    asked,
    audited,
    edited,
    lines,
    recommitted,
    resigned,
)

CALIBRATION = "fingerprint/calibration.json"


def test_a_claim_with_all_means_given_is_verified(claim: Claim) -> None:
    found = audit(claim.bundle, claim.all_means)
    assert found.outcome is Outcome.VERIFIED, found.steps
    assert found.not_checked == ()
    assert found.headline.startswith("VERIFIED")
    assert "as run.json names it" in found.step("suspect").sentence


@pytest.mark.parametrize(
    ("means", "step"),
    [
        ({"roots": ()}, "timestamp"),
        ({"public_key": None}, "owner"),
        ({"released": None}, "priority"),
        ({"model_released": None}, "title"),
        ({"suspect": None}, "suspect"),
        ({"panel": None}, "panel"),
    ],
)
def test_whatever_is_not_given_stands_in_the_headline(
    claim: Claim, means: dict[str, Any], step: str
) -> None:
    found = audit(claim.bundle, replace(claim.all_means, secrets_tried=1.0, **means))
    assert found.outcome is Outcome.CONSISTENT, found.steps
    assert step in found.not_checked
    assert step in found.headline.split(")")[0]
    assert found.model_dump(mode="json")["not_checked"] == list(found.not_checked)


def test_outcomes_are_in_the_order_of_their_strength() -> None:
    verified, consistent, refuted = Outcome
    assert verified.carries(consistent)
    assert consistent.carries(consistent)
    assert not consistent.carries(verified)
    assert not refuted.carries(consistent)


def test_the_auditors_alpha_decides_and_so_does_the_claims(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    strict = audit(claim.bundle, replace(claim.all_means, alpha=1e-200))
    assert strict.failed == "grinding"
    assert strict.alpha == 1e-200
    strict = audit(claim.bundle, replace(claim.all_means, alpha_transfer=1e-9))
    assert strict.failed == "grinding"
    lax = audit(claim.bundle, replace(claim.all_means, alpha=0.4, alpha_transfer=0.4))
    assert lax.alpha == 1e-6  # the claim's own
    with pytest.raises(UsageError, match="alpha"):
        Means(alpha=0.6)


def test_a_claimants_weak_alpha_does_not_pass(plain: Claim, tmp_path: Path) -> None:
    """An innocent with some luck, at α 0.49: consistent by his own rules, refuted by ours."""
    from sif.claims import commit
    from sif.ownership.policy import Policy
    from tools.time_audit import answers, make_up, run_of

    owned = make_up(tmp_path / "fp", triggers=12, vocabulary_size=600)
    policy = Policy(alpha=0.4, minimum_answers=3, weighted=False)
    commit(owned, policy=policy, alpha=0.49)
    told = answers(owned, green=18, scored=30)
    run_of(owned, told, tmp_path / "run", policy, control=False)
    reveal(owned, tmp_path / "run", tmp_path / "b.zip")
    found = audit(tmp_path / "b.zip", Means(secrets_tried=1.0))
    assert found.failed == "grinding"
    assert "the claim needs 6.00" in found.step("grinding").sentence
    lax = Means(secrets_tried=1.0, alpha=0.49)
    assert audit(tmp_path / "b.zip", lax).outcome is Outcome.CONSISTENT


def test_an_auditor_who_needs_more_asks_on(plain: Claim, tmp_path: Path) -> None:
    """A run stops at its own α; whoever asks again goes on to what the auditor needs."""
    asked_for: list[str] = []

    says = plain.says()

    def counting(query: Any) -> str:
        asked_for.append(query.trigger)
        return str(says(query))

    means = Means(secrets_tried=1.0, suspect=asked(counting))
    assert audit(plain.bundle, means).supported
    few = len(set(asked_for))
    asked_for.clear()
    assert audit(plain.bundle, replace(means, alpha=1e-200)).failed == "grinding"
    assert not asked_for  # the run itself is too short for that
    assert few < len(plain.told)


def test_another_suspect_than_that_of_the_run_is_said(claim: Claim) -> None:
    other = replace(claim.all_means, suspect=asked(claim.says(), "hf:other/model?seed=1"))
    found = audit(claim.bundle, other)
    assert "run.json names 'made-up suspect'" in found.step("suspect").sentence


TAU: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a smaller allowance than the answers give": (
        lambda c: c.update(allowance=0.2),
        "does not follow from the answers in it: allowance",
    ),
    "a smaller upper bound of a member": (
        lambda c: c["members"][0].update(upper_bound=0.1),
        "does not follow",
    ),
    "another mean reaction": (lambda c: c.update(reaction=0.01), "does not follow"),
    "less confidence": (lambda c: c.update(confidence=0.5), "confidence"),
    "answers to made-up triggers": (
        lambda c: c["members"][0]["answers"].update({"0099": {"green": 1, "scored": 30}}),
        "no trigger",
    ),
    "more green than words": (
        lambda c: c["members"][0]["answers"]["0024"].update(green=31),
        "",
    ),
    "more words than there are": (
        lambda c: c["members"][0]["answers"]["0001"].update(scored=10_000, green=5_000),
        "calibration.json",
    ),
    "a member who reacts": (
        lambda c: [seen.update(green=18) for seen in c["members"][0]["answers"].values()],
        "does not follow",
    ),
    "a member twice": (lambda c: c["members"].append(c["members"][0]), "computed again"),
    "no answers of a member": (lambda c: c["members"][0].update(answers={}), "computed again"),
}


@pytest.mark.parametrize("case", TAU)
def test_an_allowance_that_does_not_follow_from_the_panel_is_refused(
    numbered: Claim, tmp_path: Path, case: str
) -> None:
    change, words = TAU[case]
    files = numbered.files(tmp_path / "unpacked")
    edited(CALIBRATION, change)(files)
    del files["claim/timestamp.tsr"]
    recommitted(files, numbered.key)
    found = audited(files, tmp_path / "b.zip", numbered.all_means)
    assert found.outcome is Outcome.REFUTED
    step = "transfer" if words else "counts"  # what cannot be counted ends the audit earlier
    assert found.failed == step, found.steps
    assert words in found.step(step).sentence


def test_an_allowance_below_chance_is_refused(claim: Claim, tmp_path: Path) -> None:
    """Without a calibration, τ is what the claimant says; below chance it is refused."""
    from sif.claims import commit
    from sif.ownership.policy import Policy
    from tools.time_audit import answers, make_up, run_of

    null = HypergeometricNull(vocabulary_size=600, green_size=300)
    least = chance_reaction(30, null) + MARGIN
    for number, (allowance, step) in enumerate([(least - 1e-3, "transfer"), (least + 1e-3, None)]):
        folder = tmp_path / str(number)
        owned = make_up(folder / "fp", triggers=24, vocabulary_size=600)
        policy = Policy(
            alpha=1e-7,
            alpha_transfer=1e-3,
            transfer_allowance=allowance,
            minimum_answers=3,
            weighted=False,
        )
        commit(owned, policy=policy, alpha=1e-6)
        run_of(owned, answers(owned, green=28, scored=30), folder / "run", policy)
        reveal(owned, folder / "run", folder / "b.zip")
        found = audit(folder / "b.zip", Means(secrets_tried=1.0))
        assert found.failed == step, found.steps
        if step is None:
            assert found.step("transfer").status is Status.NOT_CHECKED
            assert "without a measurement" in found.step("transfer").sentence


@pytest.mark.parametrize("alpha", [7.0, -1.0, "much"])
def test_a_policy_in_run_json_that_is_none_fails_its_step(
    claim: Claim, files: Files, tmp_path: Path, alpha: object
) -> None:
    edited("run/run.json", lambda r: r["policy"].update(alpha=alpha))(files)
    resigned(files, claim.key)
    assert audited(files, tmp_path / "b.zip", claim.all_means).failed == "journal"


def test_a_reply_of_the_future_fails(claim: Claim, files: Files, tmp_path: Path) -> None:
    later = time.time() + 200 * 86_400
    lines(lambda rows: rows[-1].update(recorded_at=later))(files)
    resigned(files, claim.key)
    found = audited(files, tmp_path / "b.zip", claim.all_means)
    assert found.failed == "journal"
    assert "later than now" in found.step("journal").sentence


@pytest.mark.parametrize("name", ["run/extra.json", "claim/extra.json", "other/extra.json"])
def test_a_file_that_belongs_into_no_bundle_fails_although_it_is_signed(
    claim: Claim, files: Files, tmp_path: Path, name: str
) -> None:
    files[name] = b"{}"
    resigned(files, claim.key)
    found = audited(files, tmp_path / "b.zip", claim.all_means)
    assert found.failed == "bundle"
    assert name in found.step("bundle").sentence


@pytest.mark.parametrize(
    ("change", "step"),
    [
        (
            lambda v: v["per_trigger"][1].update(p_value=v["per_trigger"][1]["p_value"] * 2),
            "evidence",
        ),
        (lambda v: v.update(p_value=v["p_value"] * 1.001), "evidence"),
        (lambda v: v.update(fixed_sample_p_value=v["fixed_sample_p_value"] / 10), "evidence"),
        (lambda v: v.update(alpha=v["alpha"] * (1 + 1e-12)), "verdict"),
        (lambda v: v["policy"].update(alpha=v["policy"]["alpha"] * (1 + 1e-12)), "policy"),
    ],
)
def test_small_numbers_are_compared_by_their_size(
    claim: Claim, files: Files, tmp_path: Path, change: Callable[[Any], object], step: str
) -> None:
    edited(VERDICT, change)(files)
    resigned(files, claim.key)
    assert audited(files, tmp_path / "b.zip", claim.all_means).failed == step


def test_committed_runs_are_counted_and_the_bundle_says_how_many(
    claim: Claim, tmp_path: Path
) -> None:
    import shutil

    folder = shutil.copytree(claim.fingerprint.folder, tmp_path / "fp")
    owned = FingerprintSet.load(folder)
    for number in (1, 2, 2):
        suspect = ScriptedSuspect(claim.says(), name=f"hf:m?seed={number}")
        run = tmp_path / f"run {number}"
        Session(fingerprint=owned, suspect=suspect, committed=True, run=run).verify()
    assert count_of(folder, "hf:m (image jpeg:75)") == 2
    assert count_of(folder, "hf:n") == 0
    assert (folder / "claim" / "runs.json").exists()
    reveal(owned, tmp_path / "run 2", tmp_path / "b.zip")
    found = audit(tmp_path / "b.zip", claim.means)
    assert "2 runs" in found.step("grinding").sentence
    reveal(owned, tmp_path / "run 2", tmp_path / "more.zip", runs=3)
    assert "3 runs" in audit(tmp_path / "more.zip", claim.means).step("grinding").sentence


def test_a_damaged_count_of_runs_is_said(tmp_path: Path) -> None:
    count_run(tmp_path, "hf:m")
    (tmp_path / "claim" / "runs.json").write_text("[]")
    with pytest.raises(ClaimError, match="count of runs"):
        count_of(tmp_path, "hf:m")


def test_a_question_without_an_answer_costs(claim: Claim, tmp_path: Path) -> None:
    from sif.claims import commit
    from sif.ownership.policy import Policy
    from tools.time_audit import answers, make_up, reacting, run_of

    owned = make_up(tmp_path / "fp", triggers=12, vocabulary_size=600)
    policy = Policy(alpha=1e-12, minimum_answers=3, weighted=False)
    commit(owned, policy=policy, alpha=1e-6)
    told: dict[str, Any] = dict(answers(owned, green=27, scored=30))
    told["0002"] = told["0004"] = Unanswered(reason="timeout")
    run_of(owned, told, tmp_path / "run", policy)
    reveal(owned, tmp_path / "run", tmp_path / "b.zip")
    found = audit(
        tmp_path / "b.zip", Means(secrets_tried=1.0, suspect=asked(reacting(owned, told)))
    )
    assert found.supported, found.steps
    assert found.log10_discount == pytest.approx(0.0434 + 2 * 2.0792, abs=1e-3)
    for step in ("grinding", "suspect"):
        assert "2 of 12 questions without an answer" in found.step(step).sentence


# Mutations by somebody without the owner's key: none may stay VERIFIED.
MUTATIONS = 1000


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [p for k, v in value.items() for p in ((*path, k), *_leaves(v, (*path, k)))]
    if isinstance(value, list):
        return [p for k, v in enumerate(value) for p in ((*path, k), *_leaves(v, (*path, k)))]
    return [path]


def _other(value: Any, rng: random.Random) -> Any:
    match value:
        case bool():
            return not value
        case int() | float():
            return rng.choice([value + 1, value * 2 + 1, -value - 1, value * (1 + 1e-9) + 1e-15])
        case str():
            return rng.choice([value + " ", value[::-1] + "x", "", value.upper() + "0"])
        case None:
            return rng.choice([0, "", False])
        case list():
            return [*value, None] if rng.random() < 0.5 or not value else value[1:]
    return {**value, "more": 1} if rng.random() < 0.5 or not value else {}


def _mutate_json(data: bytes, rng: random.Random) -> bytes:
    content = json.loads(data)
    path = rng.choice(_leaves(content))
    place = content
    for part in path[:-1]:
        place = place[part]
    if isinstance(place, dict) and rng.random() < 0.2:
        del place[path[-1]]
    elif path:
        place[path[-1]] = _other(place[path[-1]], rng)
    return json.dumps(content).encode()


def _mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data) + 1)
    match rng.randrange(4):
        case 0:
            return data[:place] + bytes([rng.randrange(256)]) + data[place:]
        case 1:
            return data[:place] + data[place + rng.randrange(1, 9) :]
        case 2:
            return data[:place]
    place = min(place, len(data) - 1)
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


def _mutate(files: Files, rng: random.Random) -> str:
    name = rng.choice(sorted(files))
    kind = rng.random()
    if kind < 0.05:
        del files[name]
    elif kind < 0.1:
        files[f"{rng.choice(['run', 'claim', 'fingerprint', 'other'])}/more.json"] = b"{}"
    elif kind < 0.15:
        other = rng.choice(sorted(files))
        files[name], files[other] = files[other], files[name]
    elif kind < 0.4 or not name.endswith((".json", ".jsonl")):
        files[name] = _mutate_bytes(files[name], rng)
    elif name.endswith(".jsonl"):
        rows = files[name].splitlines()
        row = rng.randrange(len(rows))
        rows[row] = _mutate_json(rows[row], rng)
        files[name] = b"\n".join(rows) + b"\n"
    else:
        files[name] = _mutate_json(files[name], rng)
    return name


@pytest.mark.slow
def test_of_a_thousand_mutations_none_stays_verified(
    claim: Claim, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", lambda handle: None)  # a thousand bundles need not last
    rng, means, done = random.Random(15), claim.all_means, 0
    assert audited(files, tmp_path / "b.zip", means).outcome is Outcome.VERIFIED
    while done < MUTATIONS:
        changed = dict(files)
        name = _mutate(changed, rng)
        if changed == files:
            continue
        found = audited(changed, tmp_path / "b.zip", means)
        assert found.outcome is Outcome.REFUTED, (done, name)
        done += 1


def test_runs_stated_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        Reveal(commitment="0", runs=0)


def test_the_committed_allowance_is_that_of_the_calibration(claim: Claim) -> None:
    header = read_commitment(claim.fingerprint.folder).header
    found = audit(claim.bundle, claim.means).step("transfer")
    assert found.status is Status.PASS
    assert f"{header.policy.transfer_allowance:.4g}" in found.sentence
