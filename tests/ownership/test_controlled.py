"""The control goes on where it stands: nothing is asked or weighed twice on the way to the end."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from sif.fingerprint.folder import FingerprintSet
from sif.ownership.control import LIMIT
from sif.ownership.controlled import ask_bases, controlled, decide_controlled
from sif.ownership.null import HypergeometricNull
from sif.ownership.policy import Policy
from sif.ownership.sequential import decide
from sif.ownership.verdict import Verdict
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Decision, Query, Reply, Unanswered
from sif.watermark.keys import KeyRing
from tools.time_audit import answers, make_up

Script = Callable[[Query], Reply | str]
POLICY = Policy(alpha=1e-3, minimum_answers=1, order="drawn", transfer_allowance=0.3)
KEYS = KeyRing(bytes(range(32)))


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> FingerprintSet:
    """Twenty triggers of no model."""
    folder = tmp_path_factory.mktemp("fp") / "fp"
    return make_up(folder, triggers=20, vocabulary_size=1200, keys=KEYS)


def told(owned: FingerprintSet, green: int, seed: int = 0) -> Script:
    """So many green words of 44 in every answer."""
    table = answers(owned, green=green, scored=44, seed=seed)
    return lambda query: table[query.trigger]


def some(script: Script, share: int) -> Script:
    """No answer to every so many-th question."""

    def reply(query: Query) -> Reply | str:
        return Unanswered(reason="busy") if int(query.trigger) % share == 0 else script(query)

    return reply


def anew(
    owned: FingerprintSet, scripts: tuple[Script, Script], policy: Policy, size: int
) -> Verdict:
    """The same by its definition: the verdict and its control from the start, again and again."""
    suspect, bases = map(ScriptedSuspect, scripts)
    asked = 0
    while True:
        verdict = decide(owned, suspect, policy, batch_size=asked + size)
        more = len(verdict.per_trigger) > asked
        asked = len(verdict.per_trigger)
        if verdict.decision is not Decision.DERIVED:
            return verdict
        found = controlled(owned, verdict, ask_bases(owned, bases, verdict), runs=2)
        assert found.control is not None
        if found.control.passed or found.control.log10_e_value >= LIMIT or not more:
            return found


CASES: dict[str, Callable[[FingerprintSet], tuple[Script, Script]]] = {
    "passes at once": lambda owned: (told(owned, 34), told(owned, 22, 1)),
    "passes in the end": lambda owned: (told(owned, 34), told(owned, 30, 1)),
    "never passes": lambda owned: (told(owned, 30), told(owned, 24, 1)),
    "bases lean": lambda owned: (told(owned, 34), told(owned, 34, 1)),
    "bases refused": lambda owned: (told(owned, 34), some(told(owned, 22), 1)),
    "some bases refused": lambda owned: (told(owned, 30), some(told(owned, 22, 1), 3)),
    "some triggers refused": lambda owned: (some(told(owned, 34), 4), told(owned, 28, 1)),
    "innocent": lambda owned: (told(owned, 22), told(owned, 22, 1)),
}


@pytest.mark.parametrize(("size", "weighted"), [(1, False), (4, True)])
@pytest.mark.parametrize("case", CASES)
def test_the_verdict_is_that_of_beginning_anew_each_time(
    owned: FingerprintSet, case: str, size: int, weighted: bool
) -> None:
    scripts = CASES[case](owned)
    asked, bases = map(ScriptedSuspect, scripts)
    policy = POLICY.model_copy(update={"weighted": weighted})
    verdict = decide_controlled(owned, asked, bases, policy, batch_size=size, runs=2)
    assert verdict == anew(owned, scripts, policy, size)
    for suspect in (asked, bases):
        times = Counter(query.trigger for query in suspect.asked)
        assert set(times.values()) <= {1}


@pytest.mark.parametrize("number", [10, 20])
def test_refused_base_pictures_cost_a_question_each_and_no_more(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned = make_up(tmp_path / "fp", triggers=number, vocabulary_size=1200, keys=KEYS)
    weighed, calls = HypergeometricNull.log_e_values, list[object]()

    def counted(null: HypergeometricNull, *given: object) -> object:
        calls.append(given)
        return weighed(null, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(HypergeometricNull, "log_e_values", counted)
    asked = ScriptedSuspect(told(owned, 34))
    bases = ScriptedSuspect(lambda query: Unanswered(reason="no such pictures"))
    rules = Policy(alpha=1e-3, minimum_answers=1, weighted=False)
    verdict = decide_controlled(owned, asked, bases, rules, batch_size=1)
    assert verdict.decision is Decision.INCONCLUSIVE
    assert len(asked.asked) == len(bases.asked) == number
    assert len(calls) == 2 * number  # on the way, and in the verdict
