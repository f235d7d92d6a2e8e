"""Words of prompts and example do not count, in whatever case they are said again."""

from dataclasses import replace
from pathlib import Path

import pytest

from sif.fingerprint.folder import FingerprintSet
from sif.ownership.policy import Policy
from sif.ownership.sequential import observe
from sif.types import Answer
from tools.time_audit import PROMPT, answers, make_up

LEFT_OUT = Policy(prompt_scored=False)


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> FingerprintSet:
    return make_up(tmp_path_factory.mktemp("fp") / "fp", triggers=2, vocabulary_size=600)


def scored(owned: FingerprintSet, text: str, policy: Policy) -> int:
    found = observe(owned, owned.triggers[0], [Answer(text=text)], policy)
    assert found.count is not None
    return found.count.scored


@pytest.mark.parametrize("said", [PROMPT, PROMPT.lower(), PROMPT.upper(), " image", "Image detail"])
def test_an_echo_of_the_prompt_shows_nothing(owned: FingerprintSet, said: str) -> None:
    assert scored(owned, said, Policy()) > 0
    assert scored(owned, said, LEFT_OUT) == 0


def test_words_of_the_example_and_of_further_prompts_do_not_count_either(
    owned: FingerprintSet,
) -> None:
    words = next(iter(answers(owned, green=5, scored=10).values()))
    everything = scored(owned, words, LEFT_OUT)
    assert everything >= 8
    assert scored(replace(owned, example=words), words, LEFT_OUT) == 0
    assert scored(replace(owned, example=words), words, Policy()) == 10
    more = LEFT_OUT.model_copy(update={"also_ask": (words,)})
    assert scored(owned, words, more) == 0


def test_what_is_left_out_does_not_depend_on_the_key(owned: FingerprintSet, tmp_path: Path) -> None:
    other = make_up(tmp_path / "fp", triggers=2, vocabulary_size=600)
    assert owned.unscored((PROMPT,)) == other.unscored((PROMPT,))
    assert owned.unscored(()) == owned.special_ids


def test_a_policy_of_before_is_written_as_it_was() -> None:
    assert "prompt_scored" not in Policy().model_dump_json()
    assert '"prompt_scored":false' in LEFT_OUT.model_dump_json()


def test_words_of_a_question_are_cut_once_for_all_who_count_by_a_tokenizer(
    owned: FingerprintSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[str] = []
    tokenizer = owned.tokenizer
    tokens = type(tokenizer).tokens
    monkeypatch.setattr(
        type(tokenizer), "tokens", lambda self, text: cut.append(text) or tokens(self, text)
    )
    for example in (None, "a red circle"):
        counting = replace(owned, example=example, counted_by=tokenizer)
        found = counting.unscored(["Which words are new here?"])
        assert found > owned.special_ids
    assert "red" in cut
    assert len(cut) == len(set(cut))
