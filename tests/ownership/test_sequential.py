"""Audits: asking in the committed order until the verdict is reached, and resuming."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sif.errors import UsageError
from sif.fingerprint.folder import FingerprintSet
from sif.mini.world import World, sample_scene
from sif.ownership.policy import Policy
from sif.ownership.run import read_verdict
from sif.ownership.sequential import AskingProgress, decide
from sif.suspects.journal import Journal
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Query, Unanswered
from sif.vlm.model import Vlm
from sif.watermark.keys import KeyRing
from tests.fingerprint.small import pictures, small_fingerprint, small_recipe

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def owned(untrained_llava: Path, tmp_path_factory: pytest.TempPathFactory) -> FingerprintSet:
    """Twelve triggers."""
    return small_fingerprint(
        Vlm.load(untrained_llava, device="cpu"),
        tmp_path_factory.mktemp("fp") / "fp",
        images=pictures(12),
        recipe=small_recipe(steps=1),
        batch_size=12,
    )


def green_answer(owned: FingerprintSet, trigger: str, words: int = 40) -> str:
    """An answer of green words only."""
    mask = owned.mask(trigger)
    vocabulary = owned.tokenizer.get_vocab()
    green = [w for w, i in vocabulary.items() if mask[i] and w.isalpha() and len(w) > 2]
    return " ".join(sorted(green)[:words])


def test_green_answers_are_derived_and_asking_stops_early(owned: FingerprintSet) -> None:
    suspect = ScriptedSuspect(lambda query: green_answer(owned, query.trigger))
    seen: list[AskingProgress] = []
    verdict = decide(owned, suspect, batch_size=1, report=seen.append)
    assert verdict.decision.value == "derived"
    assert verdict.queries == len(suspect.asked) < len(owned.triggers)
    assert [query.trigger for query in suspect.asked] == [
        trigger.record.id for trigger in owned.triggers[: verdict.queries]
    ]
    assert seen[-1].log10_e_value >= 6 > max([p.log10_e_value for p in seen[:-1]], default=0)


def test_answers_that_ignore_the_key_are_not_shown(owned: FingerprintSet) -> None:
    rng, world = np.random.default_rng(3), World(5)
    suspect = ScriptedSuspect(lambda query: world.caption(sample_scene(rng), rng))
    verdict = decide(owned, suspect)
    assert verdict.decision.value == "not_shown"
    assert verdict.queries == verdict.answered == len(owned.triggers)


def test_silence_is_inconclusive(owned: FingerprintSet) -> None:
    verdict = decide(owned, ScriptedSuspect(lambda query: Unanswered(reason="refused")))
    assert verdict.decision.value == "inconclusive"
    assert verdict.answered == 0
    assert {record.unanswered for record in verdict.per_trigger} == {"refused"}


def test_the_verdict_does_not_depend_on_what_the_suspect_is_called(owned: FingerprintSet) -> None:
    answers = {t.record.id: green_answer(owned, t.record.id, 9) for t in owned.triggers}
    verdicts = [decide(owned, ScriptedSuspect(answers, name=n)) for n in ("copy", "innocent")]
    assert verdicts[0] == verdicts[1]


def test_the_budget_and_the_repeats_are_kept(owned: FingerprintSet) -> None:
    suspect = ScriptedSuspect(lambda query: "a small ring")
    verdict = decide(owned, suspect, Policy(budget=7, repeats=3))
    assert verdict.queries == len(suspect.asked) == 6
    assert [(q.trigger, q.repeat) for q in suspect.asked] == [
        (trigger, repeat) for trigger in ("0001", "0002") for repeat in range(3)
    ]
    with pytest.raises(UsageError, match="budget"):
        decide(owned, suspect, Policy(budget=2, repeats=3))


def test_repeats_are_one_cluster(owned: FingerprintSet) -> None:
    same = ScriptedSuspect(lambda query: "a small ring at the top left")
    once, thrice = decide(owned, same), decide(owned, same, Policy(repeats=3))
    assert once.log10_e_value == thrice.log10_e_value
    assert [r.scored for r in once.per_trigger] == [r.scored for r in thrice.per_trigger]


def test_an_unanswered_repeat_does_not_hide_the_answered_ones(owned: FingerprintSet) -> None:
    def script(query: Query) -> Unanswered | str:
        return Unanswered(reason="busy") if query.repeat else "a small ring"

    verdict = decide(owned, ScriptedSuspect(script), Policy(repeats=2))
    assert verdict.answered == len(owned.triggers)


@pytest.mark.slow
def test_with_fresh_keys_innocent_answers_stay_under_alpha(owned: FingerprintSet) -> None:
    """300 audits of the same fixed answers; keys drawn anew for each."""
    rng, world, alpha = np.random.default_rng(8), World(5), 0.05
    answers = {t.record.id: world.caption(sample_scene(rng), rng) for t in owned.triggers}
    policy, accused = Policy(alpha=alpha), 0
    for _ in range(300):
        fresh = FingerprintSet(owned.folder, owned.manifest, owned.triggers, KeyRing.generate())
        verdict = decide(fresh, ScriptedSuspect(answers), policy)
        accused += verdict.decision.value == "derived"
    assert accused <= 300 * alpha + 3 * (300 * alpha * (1 - alpha)) ** 0.5


@pytest.mark.slow
def test_verify_goes_on_after_kill_9_and_asks_nothing_twice(
    owned: FingerprintSet, untrained_llava: Path, tmp_path: Path
) -> None:
    suspect = f"hf:{untrained_llava}?max_new_tokens=24&device=cpu"

    def command(run: Path) -> list[str]:
        arguments = ["verify", str(owned.folder), suspect, "--run", str(run), "--batch", "1"]
        return [sys.executable, "-m", "sif.cli.main", *arguments]

    settings = {"cwd": ROOT, "env": os.environ | {"PYTHONPATH": str(ROOT)}}
    subprocess.run(command(tmp_path / "whole"), check=True, capture_output=True, **settings)
    run = tmp_path / "killed"
    process = subprocess.Popen(command(run), stderr=subprocess.DEVNULL, **settings)
    try:
        _wait_for_answers(run / "answers.sqlite", process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (run / "verdict.json").exists()
    with Journal(run / "answers.sqlite") as journal:
        before = {entry.trigger: entry.asked_at for entry in journal.answers()}
    subprocess.run(command(run), check=True, capture_output=True, **settings)
    with Journal(run / "answers.sqlite") as journal:
        after = {entry.trigger: entry.asked_at for entry in journal.answers()}
    assert 0 < len(before) < len(after) == len(owned.triggers)
    assert all(after[trigger] == when for trigger, when in before.items())
    assert read_verdict(run) == read_verdict(tmp_path / "whole")


def _wait_for_answers(journal: Path, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 240
    while time.monotonic() < until:
        assert process.poll() is None
        if journal.exists():
            with Journal(journal) as kept:
                if len(kept.answers()) >= 2:
                    return
        time.sleep(0.02)
    raise AssertionError("no answer came in time")


def test_other_prompts_are_asked_too_and_a_trigger_stays_one_cluster(
    owned: FingerprintSet,
) -> None:
    answers = {t.record.id: green_answer(owned, t.record.id, 9) for t in owned.triggers}
    suspect = ScriptedSuspect(lambda query: answers[query.trigger])
    also = ("What is in it?", "Tell me about it.")
    policy = Policy(repeats=2, also_ask=also, alpha=1e-12)
    verdict = decide(owned, suspect, policy, batch_size=2)
    own = [trigger.record.prompt for trigger in owned.triggers]
    asked = [query.prompt for query in suspect.asked]
    assert asked[:12] == [own[0]] * 2 + [p for p in also for _ in "12"] + [own[1]] * 2 + [
        p for p in also for _ in "12"
    ]
    assert [query.repeat for query in suspect.asked[:12]] == [*range(6), *range(6)]
    assert len({query.digest for query in suspect.asked}) == len(suspect.asked)
    assert verdict.queries == len(suspect.asked) == 6 * verdict.answered
    plain = decide(owned, ScriptedSuspect(answers), Policy(alpha=1e-12), batch_size=2)
    assert [r.scored for r in verdict.per_trigger] == [r.scored for r in plain.per_trigger]
    assert verdict.final_log10_e_value == plain.final_log10_e_value


def test_a_budget_counts_all_questions_of_a_trigger(owned: FingerprintSet) -> None:
    suspect = ScriptedSuspect(lambda query: "a")
    decide(owned, suspect, Policy(also_ask=("What?",), repeats=2, budget=9, minimum_answers=1))
    assert len(suspect.asked) == 8
    with pytest.raises(UsageError, match="at least 4 questions"):
        decide(owned, suspect, Policy(also_ask=("What?",), repeats=2, budget=3))
    with pytest.raises(UsageError, match="also_ask"):
        Policy(also_ask=("",))
