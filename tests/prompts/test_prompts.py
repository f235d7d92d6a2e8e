import pytest

from sif.prompts import load, load_paraphrase, load_targets


def test_ordinary_prompts_are_distinct_sentences() -> None:
    prompts = load()
    assert len(set(prompts)) == len(prompts) > 5
    assert all(prompt[0].isupper() and prompt[-1] in ".?" for prompt in prompts)


def test_an_unknown_set_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="ordinary"):
        load("targets")


def test_the_baselines_have_five_pairs_of_question_and_answer() -> None:
    pairs = load_targets()
    assert len(pairs) == 5
    assert all(text == text.strip() and text for pair in pairs for text in pair)
    assert len({pair.question for pair in pairs}) == len({pair.answer for pair in pairs}) == 5


def test_no_wanted_answer_would_be_given_by_repeating_a_question_or_another_answer() -> None:
    pairs = load_targets()
    for pair in pairs:
        words = set(pair.answer.lower().strip(".").split())
        others = [other.answer for other in pairs if other is not pair]
        for text in (*others, *(other.question for other in pairs), *load()):
            assert not words & set(text.lower().strip(".?").split())


def test_the_paraphrasers_prompt_has_one_place_for_the_text() -> None:
    assert load_paraphrase().count("{text}") == 1
