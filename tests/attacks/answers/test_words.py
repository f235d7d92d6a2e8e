"""What each attack on words does, and what it leaves alone."""

import re
from collections import Counter

import numpy as np
import pytest
from scipy.stats import binom

from sif.attacks.answers import (
    Case,
    Drop,
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
from sif.attacks.answers.canned import REFUSAL
from sif.attacks.answers.sentences import split_sentences
from sif.errors import UsageError
from sif.types import Unanswered
from tests.attacks.answers.texts import CAPTION, DESCRIPTION, QUERY
from tests.suspects.questions import question

LONG = " ".join(f"word{number}" for number in range(200))
LETTER = re.compile(r"[^\W\d_]")


def _str(outcome: object) -> str:
    assert isinstance(outcome, str)
    return outcome


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.999, 1])
def test_truncating_keeps_the_share_of_words_from_the_beginning(share: float) -> None:
    kept = _str(Truncate(share=share).apply(LONG, QUERY)).split()
    assert kept == LONG.split()[: max(1, round(share * 200))]


def test_truncating_keeps_the_white_space_between_words() -> None:
    assert Truncate(share=0.5).apply("a\n\nb  c d", QUERY) == "a\n\nb"


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("No end", ["No end"]),
        ("3.5 cars. Then", ["3.5 cars.", "Then"]),
        ("- a list\n- of lines\n", ["- a list", "- of lines"]),
        ("两句话。第二句！", ["两句话。", "第二句！"]),
    ],
)
def test_sentences_end_where_readers_see_them_end(text: str, sentences: list[str]) -> None:
    found, gaps = split_sentences(text)
    assert found == sentences
    assert "".join(map("".join, zip(found, gaps, strict=True))) == text


@pytest.mark.parametrize(("share", "left"), [(0.2, 4), (0.5, 3), (0.8, 1), (1, 1)])
def test_dropping_leaves_the_other_sentences_in_their_order(share: float, left: int) -> None:
    before = split_sentences(DESCRIPTION)[0]
    after = split_sentences(_str(Drop(share=share).apply(DESCRIPTION, QUERY)))[0]
    assert len(after) == left
    assert after == [sentence for sentence in before if sentence in after]


@pytest.mark.parametrize("share", [0.4, 1])
def test_shuffling_keeps_every_sentence_as_often_as_it_was(share: float) -> None:
    for number in range(8):
        after = _str(Shuffle(share=share).apply(DESCRIPTION, question(number)))
        assert Counter(split_sentences(after)[0]) == Counter(split_sentences(DESCRIPTION)[0])
        moved = sum(
            a != b
            for a, b in zip(split_sentences(after)[0], split_sentences(DESCRIPTION)[0], strict=True)
        )
        assert moved <= round(share * 5)


@pytest.mark.parametrize("share", [0.25, 0.5, 1])
def test_capitals_come_to_the_share_of_words_and_letters_stay(share: float) -> None:
    after = _str(Case(share=share).apply(DESCRIPTION, QUERY))
    assert after.lower() == DESCRIPTION.lower()
    pairs = zip(DESCRIPTION.split(), after.split(), strict=True)
    changed = sum(a != b for a, b in pairs)
    assert changed == round(share * sum(bool(LETTER.search(w)) for w in DESCRIPTION.split()))


@pytest.mark.parametrize("share", [0.5, 1])
def test_only_the_share_of_marks_is_taken_out(share: float) -> None:
    after = _str(Punctuation(share=share).apply(DESCRIPTION, QUERY))
    assert after.count("3.5") == 1
    marks = len(DESCRIPTION) - sum(letter.isalnum() or letter.isspace() for letter in DESCRIPTION)
    marks -= 1  # the point in 3.5
    assert len(DESCRIPTION) - len(after) == round(share * marks)
    words = re.compile(r"[\w']+")
    assert words.findall(after.replace("3.5", "35")) == words.findall(
        DESCRIPTION.replace("3.5", "35")
    )


def test_a_prefix_stands_before_the_whole_answer() -> None:
    assert Prefix(words="Sure!").apply(DESCRIPTION, QUERY) == f"Sure! {DESCRIPTION}"


@pytest.mark.parametrize("share", [0.3, 0.5, 1])
@pytest.mark.parametrize(("name", "text"), [("english", DESCRIPTION), ("mini-world", CAPTION)])
def test_synonyms_replace_the_share_of_known_words_within_their_groups(
    name: str, text: str, share: float
) -> None:
    thesaurus = load_thesaurus(name)
    after = _str(Synonyms(share=share, thesaurus=thesaurus).apply(text, QUERY))
    words = re.compile(r"\w+")
    before_words, after_words = words.findall(text), words.findall(after)
    known = sum(len(thesaurus.group(word)) > 1 for word in before_words)
    changed = [(a, b) for a, b in zip(before_words, after_words, strict=True) if a != b]
    assert len(changed) == round(share * known) > 0
    for before, new in changed:
        assert new.lower() in thesaurus.group(before)
        assert before[0].isupper() == new[0].isupper()
    assert words.sub("", after) == words.sub("", text)


def test_a_replaced_word_keeps_its_capitals() -> None:
    attack = Synonyms(share=1, thesaurus=load_thesaurus("english"))
    assert _str(attack.apply("CHILDREN Children children", QUERY)).split()[0].isupper()
    assert _str(attack.apply("Children", QUERY)).istitle()


def test_translating_leaves_no_choice_among_interchangeable_words() -> None:
    attack = Translate(share=1, thesaurus=load_thesaurus("mini-world"))
    plain = _str(attack.apply(CAPTION, QUERY))
    reworded = Synonyms(share=1, thesaurus=load_thesaurus("mini-world")).apply(CAPTION, QUERY)
    assert plain != CAPTION
    assert attack.apply(_str(reworded), question(1)) == plain == attack.apply(plain, QUERY)


def test_the_mini_worlds_dictionary_is_that_of_its_lexicon() -> None:
    from sif.mini import lexicon

    groups = [group for fact in lexicon.FACTS.values() for group in fact]
    for template in (*lexicon.OBJECTS, lexicon.INTRODUCTION, lexicon.SURROUNDINGS, lexicon.CLOSING):
        groups += [slot for slot in lexicon.slots(template) if len(slot) > 1]
    assert set(load_thesaurus("mini-world").groups) == set(groups)


def test_facts_survive_synonyms_and_translation() -> None:
    from sif.eval.training.card import score_facts
    from sif.mini.world import World, sample_scene

    rng = np.random.default_rng(3)
    scene = sample_scene(rng)
    caption = World(3).caption(scene, rng)
    mini = load_thesaurus("mini-world")
    for attack in (Synonyms(share=1, thesaurus=mini), Translate(share=1, thesaurus=mini)):
        reworded = _str(attack.apply(caption, QUERY))
        assert set(score_facts([scene], [reworded]).values()) == {1.0}


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("kind", [Refuse, Withhold])
def test_refusals_come_at_their_rate(kind: type[Refuse] | type[Withhold], rate: float) -> None:
    attack, number = kind(rate=rate), 400
    outcomes = [attack.apply(DESCRIPTION, QUERY, seed=seed) for seed in range(number)]
    refused = sum(one == REFUSAL or isinstance(one, Unanswered) for one in outcomes)
    low, high = binom.ppf([1e-6, 1 - 1e-6], number, rate)
    assert low <= refused <= high
    assert all(one in (DESCRIPTION, REFUSAL) or isinstance(one, Unanswered) for one in outcomes)


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ("{", "no JSON"),
        ('{"groups": [["a", "b"], ["b", "c"]]}', "'b' twice"),
        ('{"groups": [["A", "b"]]}', "small letters"),
        ("[]", "dictionary"),
    ],
)
def test_a_file_that_is_no_dictionary_is_refused(tmp_path, held: str, words: str) -> None:
    file = tmp_path / "words.json"
    file.write_text(held)
    with pytest.raises(UsageError, match=words) as refusal:
        load_thesaurus(str(file))
    assert len(str(refusal.value).splitlines()) == 1


def test_a_dictionary_of_ones_own_is_named_with_a_digest(tmp_path) -> None:
    file = tmp_path / "words.json"
    file.write_text('{"groups": [["car", "motor"]]}')
    attack = Synonyms(share=1, thesaurus=load_thesaurus(str(file)))
    assert attack.apply("A car.", QUERY) == "A motor."
    assert re.fullmatch(r'synonyms:1@".*words\.json [0-9a-f]{10}"', str(attack))
