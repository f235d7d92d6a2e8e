"""Whose words an answer's are: nearness, contrast, and the bet that rests on it."""

import json
from math import log10
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from sif.errors import UsageError
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.allowance import allowances_of
from sif.ownership.calibrating import Asked, Compared, ask_member, calibrate, compared
from sif.ownership.calibration import Calibration, write_calibration
from sif.ownership.contrast import (
    FULL,
    LEAST,
    common,
    contrast,
    likeness,
    mean_nearness,
    nearness,
    words_of,
)
from sif.ownership.panel_answers import miscounted, read_panel, references_for, write_panel
from sif.ownership.policy import Policy
from sif.ownership.recompute import recompute
from sif.ownership.references import References, check_work
from sif.ownership.sequential import decide
from sif.ownership.transfer import Draw, TransferEvidence, TransferTests, upper_bound
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Answer, Decision, Unanswered
from tools.time_audit import answers, make_up

MERELY = ["a", "small", "red", "ring", "is", "at", "the", "top", "left", "of", "this", "picture"]
UNSCORED = Policy(prompt_scored=False)


def by_table(first: list[int], second: list[int]) -> int:
    """The longest common subsequence by the textbook's table."""
    table = np.zeros((len(first) + 1, len(second) + 1), int)
    for row, one in enumerate(first):
        for column, other in enumerate(second):
            table[row + 1, column + 1] = (
                table[row, column] + 1
                if one == other
                else max(table[row, column + 1], table[row + 1, column])
            )
    return int(table[-1, -1])


def test_the_longest_common_subsequence_is_the_textbooks() -> None:
    rng = np.random.default_rng(0)
    for _ in range(400):
        first, second = (rng.integers(0, 5, rng.integers(0, 90)).tolist() for _ in range(2))
        one, other = ([str(number) for number in some] for some in (first, second))
        assert common(one, other) == by_table(first, second) == common(other, one)


def test_nearness_is_the_share_of_words_in_order() -> None:
    assert nearness(MERELY, MERELY) == 1.0
    assert nearness(MERELY, MERELY[:5]) == pytest.approx(2 * 5 / (12 + 5))
    assert nearness(MERELY, ["nothing", "else", "seen"]) == 0.0
    assert nearness(MERELY, []) == nearness([], []) == 0.0
    assert nearness(["a", "b"], ["b", "a"]) == 0.5


def test_words_are_cut_alike_whatever_their_case_marks_and_length() -> None:
    assert words_of("A Red ring, top-left.") == ("a", "red", "ring", ",", "top", "-", "left", ".")
    assert words_of("STRASSE") == words_of("straße")
    assert len(words_of("a " * 10**6)) == 10_000


def test_a_copy_has_full_contrast_and_whoever_is_nearer_to_another_has_none() -> None:
    source, sibling = " ".join(MERELY), " ".join([*MERELY[:7], "and", "nothing", "more"])
    others = {"sibling": [[sibling]], "stranger": [["it is raining"]]}
    assert contrast([source], [[source]], others) == 1.0
    assert contrast([sibling], [[source]], others) == 0.0
    assert contrast(["it is raining"], [[source]], others) == 0.0
    assert contrast([""], [[source]], others) == 0.0
    assert contrast([source], [[source]], others | {"twin": [[source]]}) == 0.0  # a tie


def test_likeness_counts_order_and_neighbours_by_half() -> None:
    assert likeness(MERELY, MERELY) == 1.0
    assert likeness(["a", "b"], ["b", "a"]) == 0.25  # one of two in order, no pair
    assert likeness(["a", "b", "c"], ["a", "b", "d"]) == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert likeness(["cat"], ["cat"]) == 1.0
    assert likeness(["cat"], ["dog"]) == likeness([], []) == likeness([], MERELY) == 0.0


def test_a_margin_counts_as_a_share_of_what_tells_the_source_apart() -> None:
    """Half of that is all: on pictures of which everybody says nearly the same, a few words are."""
    source = [*MERELY[:8], "edge", "of", "this", "picture"]
    sibling, copy = [*MERELY[:6], "near", "the", *source[8:]], [*source[:7], "every", *source[8:]]

    def shown(answer: list[str], *, of: list[str]) -> float:
        return contrast([" ".join(answer)], [[" ".join(of)]], {"sibling": [[" ".join(sibling)]]})

    def margin(answer: list[str], *, of: list[str]) -> float:
        return likeness(answer, of) - likeness(answer, sibling)

    apart = 1.0 - likeness(source, sibling)
    assert 0.0 < margin(copy, of=source) < FULL * apart < 0.5
    assert shown(copy, of=source) == pytest.approx(margin(copy, of=source) / (FULL * apart))
    assert shown(source, of=source) == 1.0
    alike = [*sibling * 9, "really"]
    sibling = sibling * 9
    little = margin(alike, of=alike)
    assert FULL * (1.0 - likeness(alike, sibling)) < LEAST
    assert shown(alike, of=alike) == pytest.approx(little / LEAST)


def test_the_nearest_of_what_was_said_to_handled_pictures_counts() -> None:
    plain, handled = "a red ring at the top", "one blue star below"
    others = {"other": [["it is raining"]]}
    assert contrast([handled], [[plain]], others) == 0.0
    assert contrast([handled], [[plain], [handled]], others) == 1.0
    assert contrast([handled], [[plain], [handled]], others | {"kin": [["x"], [handled]]}) == 0.0


def test_without_answers_to_compare_with_nothing_is_shown() -> None:
    assert contrast(["a"], [], {"other": [["a"]]}) == 0.0
    assert contrast(["a"], [["a"]], {"other": []}) == 0.0


def test_only_questions_that_both_answered_are_compared() -> None:
    """A reference that refused one of two questions is no further away for that."""
    assert mean_nearness(["a b", "c d"], ["a b", None]) == 1.0
    assert mean_nearness(["a b", None], [None, "c d"]) == 0.0
    said = ["a b c d", "e f g h"]
    source, sibling = [["a b c x", "e f g x"]], [["a b c d", None]]
    assert contrast(said, source, {"sibling": sibling}) == 0.0


def test_writings_without_spaces_are_cut_into_letters() -> None:
    first, second = words_of("一只红色的猫在上面。"), words_of("一只红色的狗在上面。")
    assert len(first) == 10
    assert nearness(first, second) == pytest.approx(0.9)
    assert words_of("빨간 고리 ring") == ("빨", "간", "고", "리", "ring")


def test_both_tests_together_are_the_mean_of_their_e_values() -> None:
    draw = Draw(triggers=6, stamped=True)
    both = TransferTests(reaction=0.4, contrast=0.2, draw=draw)
    one, other = (TransferEvidence(limit=limit, draw=draw) for limit in (0.4, 0.2))
    for reaction, nearer in ((0.9, 1.0), (0.1, 0.8), (1.0, 0.0)):
        mean = (10 ** one.add(reaction) + 10 ** other.add(nearer)) / 2
        assert both.add(reaction=reaction, contrast=nearer) == pytest.approx(log10(mean))
    assert both.highest == pytest.approx(max(both.highest, both.log10_e_value))
    alone = TransferTests(reaction=None, contrast=0.2, draw=draw)
    assert alone.add(reaction=1.0, contrast=1.0) == pytest.approx(
        TransferEvidence(limit=0.2, draw=draw).add(1.0)
    )
    with pytest.raises(UsageError, match="got neither"):
        TransferTests(reaction=None, contrast=None)


@pytest.mark.parametrize("tied", [True, False], ids=["alike", "apart"])
def test_innocents_at_both_limits_are_claimed_no_more_often_than_the_bound(tied: bool) -> None:
    """In a drawn order, triggers that differ as much as they can, asked until it is reached."""
    rng, triggers, runs, false = np.random.default_rng(4), 12, 3000, 0
    means = np.array([0.9] * 4 + [0.05] * 8)
    for _ in range(runs):
        tests = TransferTests(
            reaction=means.mean(), contrast=means.mean(), draw=Draw(triggers, stamped=True)
        )
        order, luck = rng.permutation(triggers), rng.random((triggers, 2))
        for place in order:
            seen = (luck[place, [0, 0]] if tied else luck[place]) < means[place]
            tests.add(reaction=float(seen[0]), contrast=float(seen[1]))
        false += tests.highest >= 1.0
    assert false / runs <= 0.1


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> FingerprintSet:
    return make_up(tmp_path_factory.mktemp("fp") / "fp", triggers=16, vocabulary_size=600)


def said(owned: FingerprintSet, *, green: int, seed: int) -> dict[str, str]:
    return answers(owned, green=green, scored=30, seed=seed)


def changed(told: dict[str, str], share: float, seed: int) -> dict[str, str]:
    """As a tuned copy says it: some words are others, in the same places."""
    rng, found = np.random.default_rng(seed), {}
    for trigger, text in told.items():
        words = text.split()
        for place in rng.choice(len(words), int(share * len(words)), replace=False):
            words[place] = "else"
        found[trigger] = " ".join(words)
    return found


def told(owned: FingerprintSet, words: dict[str, str], name: str, image: str = "none") -> Asked:
    suspect = ScriptedSuspect(words, name=name if image == "none" else f"{name} {image}")
    return ask_member(owned, suspect, image_attack=image, model=name, policy=UNSCORED)


def measured(owned: FingerprintSet) -> tuple[Calibration, Compared]:
    """Three siblings, of whom each leans to green in words of its own, and the source."""
    panel = [told(owned, said(owned, green=21, seed=seed), f"sibling {seed}") for seed in (1, 2, 3)]
    found = compared(
        owned, panel, [told(owned, said(owned, green=27, seed=9), "source")], policy=UNSCORED
    )
    made = calibrate(owned, found.panel, source=found.source, policy=UNSCORED)
    return made, found


def kept(owned: FingerprintSet) -> Calibration:
    made, found = measured(owned)
    write_calibration(owned.folder, made)
    source = told(owned, said(owned, green=27, seed=9), "source")
    replies = {
        one.suspect: {d: r for d, r in one.replies.items() if isinstance(r, Answer)}
        for one in (*found.panel, source)
    }
    write_panel(owned, made, replies)
    return made


def test_siblings_react_and_speak_in_words_of_their_own(owned: FingerprintSet) -> None:
    made, _ = measured(owned)
    assert made.contrast_allowance is not None
    assert made.allowance > 0.6
    assert made.contrast_allowance < made.allowance
    bounds = [
        upper_bound(list((member.contrasts or {}).values()), confidence=1 - 0.01 / 2)
        for member in made.members
    ]
    assert max(bounds) <= made.contrast_allowance <= max(bounds) + 1e-4
    assert 0.0 < made.source[0].nearest < 0.5


def test_recorded_answers_give_the_same_calibration_again(owned: FingerprintSet) -> None:
    made, found = measured(owned)
    source = told(owned, said(owned, green=27, seed=9), "source")
    again = recompute(owned, {one.suspect: one.replies for one in (*found.panel, source)}, made)
    assert again == made


@pytest.mark.parametrize(
    ("test", "green", "changes", "decision"),
    [
        ("reaction", 27, 0.3, Decision.INCONCLUSIVE),
        ("contrast", 27, 0.3, Decision.DERIVED),
        ("both", 27, 0.3, Decision.DERIVED),
        ("contrast", None, 0.0, Decision.INCONCLUSIVE),
        ("both", None, 0.0, Decision.INCONCLUSIVE),
    ],
)
def test_a_copy_is_told_from_a_sibling_that_reacts_as_much(
    test: str, green: int | None, changes: float, decision: Decision, owned: FingerprintSet
) -> None:
    made = kept(owned)
    words = said(owned, green=green or 23, seed=9 if green else 5)
    suspect = ScriptedSuspect(changed(words, changes, 0), name="suspect")
    policy = Policy(prompt_scored=False, order="drawn")
    allowed = allowances_of(made, policy, test=test)  # type: ignore[arg-type]
    policy = policy.model_copy(update=allowed.fields)
    references = references_for(owned.folder, policy)
    verdict = decide(owned, suspect, policy, references=references, batch_size=1)
    assert verdict.log10_e_value >= 6
    assert verdict.decision is decision, verdict.reason
    assert ("answer as the source does" in verdict.reason) == (test != "reaction")
    assert ("the nearest of the panel shares" in verdict.reason) == (test != "reaction")
    contrasts = [record.contrast for record in verdict.per_trigger]
    assert all(one is None for one in contrasts) == (test == "reaction")


def test_a_panel_of_one_has_nobody_to_compare_with(owned: FingerprintSet) -> None:
    one = told(owned, said(owned, green=15, seed=1), "alone")
    handled = told(owned, said(owned, green=15, seed=2), "alone", image="jpeg:75")
    with pytest.raises(UsageError, match="at least 2 models"):
        compared(owned, [one, handled], [one], policy=UNSCORED)


def test_a_copy_in_the_panel_is_refused_and_a_sibling_that_reacts_is_not(
    owned: FingerprintSet,
) -> None:
    words = said(owned, green=27, seed=9)
    panel = [told(owned, said(owned, green=21, seed=seed), f"sibling {seed}") for seed in (1, 2)]
    panel.append(told(owned, changed(words, 0.3, 1), "copy"))
    found = compared(owned, panel, [told(owned, words, "source")], policy=UNSCORED)
    with pytest.raises(UsageError, match="got copy, whose answers"):
        calibrate(owned, found.panel, source=found.source, policy=UNSCORED)
    calibrate(owned, found.panel[:2], source=found.source, policy=UNSCORED)


def test_a_model_under_an_attack_is_no_reference_for_itself(owned: FingerprintSet) -> None:
    words = said(owned, green=20, seed=1)
    panel = [told(owned, words, "one"), told(owned, words, "one", image="jpeg:75")]
    panel.append(told(owned, said(owned, green=15, seed=2), "two"))
    found = compared(owned, panel, [told(owned, words, "source")], policy=UNSCORED)
    assert set((found.panel[0].contrasts or {}).values()) == {1.0}
    assert set((found.panel[2].contrasts or {}).values()) == {0.0}


def test_where_the_panel_reacts_to_everything_contrasts_are_left(owned: FingerprintSet) -> None:
    panel = [told(owned, said(owned, green=28, seed=seed), f"sibling {seed}") for seed in (1, 2)]
    with pytest.raises(UsageError, match=r"bound the reaction|copy of the source"):
        calibrate(owned, panel, policy=UNSCORED)
    source = told(owned, said(owned, green=27, seed=9), "source")
    found = compared(owned, panel, [source], policy=UNSCORED)
    made = calibrate(owned, found.panel, source=found.source, policy=UNSCORED)
    assert made.allowance == 1.0
    both = allowances_of(made, UNSCORED)
    assert both.reaction is None
    assert both.contrast == made.contrast_allowance
    with pytest.raises(UsageError, match="verify by contrast"):
        allowances_of(made, UNSCORED, test="reaction")


def test_a_test_that_was_not_calibrated_is_refused(owned: FingerprintSet) -> None:
    panel = [told(owned, said(owned, green=15, seed=seed), str(seed)) for seed in (1, 2)]
    plain = calibrate(owned, panel, policy=UNSCORED)
    assert allowances_of(plain, UNSCORED).contrast is None
    for test in ("contrast", "both"):
        with pytest.raises(UsageError, match="sif calibrate with --source"):
            allowances_of(plain, UNSCORED, test=test)  # type: ignore[arg-type]


def test_one_model_under_two_names_is_left_out_as_one(owned: FingerprintSet) -> None:
    kin, other = said(owned, green=21, seed=1), said(owned, green=15, seed=2)
    source = told(owned, changed(kin, 0.3, 0), "source")
    honest = [told(owned, kin, "kin"), told(owned, other, "other")]
    twice = [*honest, told(owned, changed(kin, 0.02, 1), "kin in half precision")]
    alone, hidden = (
        compared(owned, panel, [source], policy=UNSCORED).panel[0].contrasts
        for panel in (honest, twice)
    )
    assert alone == hidden
    assert min((alone or {}).values()) > 0.9


def test_contrasts_of_no_answers_are_no_calibration(owned: FingerprintSet) -> None:
    made, _ = measured(owned)
    content = made.model_dump(mode="json")
    Calibration.model_validate(content)
    for edit in (
        lambda one: one["members"][0]["contrasts"].update(x1=0.0),
        lambda one: one["members"][0]["contrasts"].update({"0001": 1.5}),
        lambda one: one["members"][0].update(contrasts=None),
        lambda one: one["members"][1].update(suspect=one["members"][0]["suspect"]),
        lambda one: one.update(source=[]),
        lambda one: one.update(source=one["source"] * 2),
        lambda one: one["source"][0].update(image_attack="jpeg:75"),
        lambda one: one.update(contrast_allowance=None),
    ):
        other = json.loads(json.dumps(content))
        edit(other)
        with pytest.raises(ValidationError):
            Calibration.model_validate(other)


def test_refusals_leave_triggers_out_and_break_nothing(owned: FingerprintSet) -> None:
    one, two = (said(owned, green=20, seed=seed) for seed in (1, 2))
    first = {trigger: text for trigger, text in one.items() if trigger != "0001"}
    second = {trigger: text for trigger, text in two.items() if trigger != "0002"}

    def some(words: dict[str, str], name: str) -> Asked:
        missing = Unanswered(reason="refused")
        suspect = ScriptedSuspect(lambda query: words.get(query.trigger, missing), name=name)
        return ask_member(owned, suspect, policy=UNSCORED)

    panel = [some(first, "one"), some(second, "two")]
    source = told(owned, said(owned, green=27, seed=9), "source")
    found = compared(owned, panel, [source], policy=UNSCORED)
    for member in found.panel:
        assert set(member.contrasts or {}) == set(one) - {"0001", "0002"}
    calibrate(owned, found.panel, source=found.source, policy=UNSCORED)


def test_answers_that_take_too_long_to_compare_are_refused() -> None:
    long = {"digest": Answer(text="." * 20_000)}
    check_work([long] * 20)
    with pytest.raises(UsageError, match="compared in a minute"):
        check_work([long] * 40)


def test_stated_contrasts_are_compared_with_the_answers(owned: FingerprintSet) -> None:
    made = kept(owned)
    panel = read_panel(owned.folder, made)
    assert panel is not None
    assert list(miscounted(owned, made, panel, owned.triggers)) == []
    first, *others = made.members
    lower = first.model_copy(update={"contrasts": {**(first.contrasts or {}), "0003": 0.125}})
    lie = made.model_copy(update={"members": (lower, *others)})
    (told,) = miscounted(owned, lie, panel, owned.triggers)
    assert told.startswith("calibration.json has a contrast of 0.125 for the answer of 'sibling 1'")
    assert "to trigger 0003, the answers give" in told


def test_references_say_what_they_lack(owned: FingerprintSet, tmp_path: Path) -> None:
    query = owned.triggers[0].query()
    said_so = {query.digest: Answer(text="a red ring")}
    alone = References(source=(said_so,), others={"other": ({},)})
    assert alone.contrast([query], [Answer(text="a red ring")]) is None
    silent = References(source=({},), others={"other": (said_so,)})
    assert silent.contrast([query], [Answer(text="a red ring")]) == 0.0
    known = References(source=(said_so,), others={"other": ({query.digest: Answer(text="x")},)})
    assert known.contrast([query], [Answer(text="a red ring")]) == 1.0
    assert known.contrast([query], [Unanswered(reason="late")]) == 0.0
    with pytest.raises(UsageError, match="answers of the source"):
        references_for(tmp_path, Policy(contrast_allowance=0.3))
    assert references_for(tmp_path, Policy()) is None
