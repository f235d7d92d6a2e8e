"""What holds for every attack on words."""

import pytest

from sif.attacks.answers import (
    AnswerAttack,
    Case,
    Drop,
    Nothing,
    Prefix,
    Punctuation,
    Refuse,
    Shuffle,
    Synonyms,
    Translate,
    Truncate,
    Withhold,
    load_thesaurus,
)
from sif.types import Unanswered
from tests.attacks.answers.texts import CAPTION, DESCRIPTION, QUERY
from tests.suspects.questions import question

ENGLISH, MINI = load_thesaurus("english"), load_thesaurus("mini-world")
NEUTRAL = [
    Nothing(),
    Truncate(share=1),
    Drop(share=0),
    Shuffle(share=0),
    Synonyms(share=0, thesaurus=ENGLISH),
    Translate(share=0, thesaurus=MINI),
    Case(share=0),
    Punctuation(share=0),
    Refuse(rate=0),
    Withhold(rate=0),
]
STRONG = [
    Truncate(share=0.5),
    Drop(share=0.5),
    Shuffle(share=1),
    Synonyms(share=0.5, thesaurus=ENGLISH),
    Synonyms(share=0.5, thesaurus=MINI),
    Translate(share=1, thesaurus=MINI),
    Case(share=0.5),
    Punctuation(share=0.5),
    Refuse(rate=1),
    Prefix(words="Sure!"),
]


@pytest.mark.parametrize("text", [DESCRIPTION, CAPTION, "one", "两句话。第二句！", "a\n\nb. c\n"])
@pytest.mark.parametrize("attack", NEUTRAL, ids=str)
def test_the_neutral_strength_changes_nothing(attack: AnswerAttack, text: str) -> None:
    assert attack.apply(text, QUERY) == text


@pytest.mark.parametrize("attack", STRONG, ids=str)
def test_the_same_words_question_and_seed_give_the_same_answer(attack: AnswerAttack) -> None:
    text = CAPTION if "mini-world" in str(attack) else DESCRIPTION
    first = attack.apply(text, QUERY, seed=5)
    assert first == attack.apply(text, question(0), seed=5) != text


@pytest.mark.parametrize(
    "attack",
    [Shuffle(share=1), Drop(share=0.5), Case(share=0.5), Synonyms(share=0.5, thesaurus=ENGLISH)],
    ids=str,
)
def test_other_questions_and_other_seeds_are_drawn_anew(attack: AnswerAttack) -> None:
    by_question = {attack.apply(DESCRIPTION, question(number)) for number in range(12)}
    by_seed = {attack.apply(DESCRIPTION, QUERY, seed=seed) for seed in range(12)}
    assert len(by_question) > 3
    assert len(by_seed) > 3


@pytest.mark.parametrize("attack", [*NEUTRAL, *STRONG], ids=str)
def test_a_single_word_is_no_trouble(attack: AnswerAttack) -> None:
    outcome = attack.apply("circle", QUERY)
    assert isinstance(outcome, str)
    assert outcome.strip()


def test_withholding_gives_a_reason_that_names_the_attack() -> None:
    outcome = Withhold(rate=1).apply(DESCRIPTION, QUERY)
    assert outcome == Unanswered(reason="withheld by the attack withhold:1")
