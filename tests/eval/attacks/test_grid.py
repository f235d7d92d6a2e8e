"""The grid: that everything in it can be carried out, and what is said of what is not in it."""

import pytest

from sif.attacks.answers import parse_answer_attacks
from sif.attacks.images import parse_image_attack
from sif.errors import UsageError
from sif.eval.attacks.grid import (
    ANSWER_ATTACKS,
    KINDS,
    PLAIN,
    chosen_attacks,
    grid,
    middling,
    serving_of,
    strongest,
)
from sif.eval.attacks.thefts import stolen
from sif.eval.triggers.mini_roster import chosen


def test_every_attack_of_the_grid_can_be_read() -> None:
    for one in grid():
        assert str(parse_image_attack(one.image)) == one.image
        serving_of(one.answers)
        assert stolen("llava", one.weights).role == ("source" if one.weights == "none" else "copy")
        if one.reference is not None:
            chosen("llava", (one.reference,))


def test_the_grid_names_everything_once_and_the_plain_source_apart() -> None:
    texts = [one.text for one in grid()]
    assert len(set(texts)) == len(texts)
    assert len({one.slug for one in grid()}) == len(texts)
    assert PLAIN.text not in texts
    assert {one.kind for one in grid()} == set(KINDS)


def test_all_attacks_on_answers_are_one_kind() -> None:
    assert len(set(ANSWER_ATTACKS)) == len(ANSWER_ATTACKS)
    for text in ANSWER_ATTACKS:
        parse_answer_attacks(text)
    assert [one.answers for one in chosen_attacks(kinds=("answers",))] == list(ANSWER_ATTACKS)


def test_attacks_on_answers_need_not_be_in_the_grid() -> None:
    some = chosen_attacks(answers=("gumbel:4+drop:0.5", "none", "truncate:0.5", "truncate:0.4"))
    assert [one.text for one in some] == ["truncate:0.5", "gumbel:4+drop:0.5", "truncate:0.4"]
    assert {one.kind for one in some} == {"answers"}
    with pytest.raises(UsageError, match="truncate"):
        chosen_attacks(answers=("flip",))


def test_nothing_named_is_everything_and_so_is_all() -> None:
    assert chosen_attacks((), ()) == chosen_attacks((), ("all",)) == grid()


@pytest.mark.parametrize(
    ("typed", "texts"),
    [
        ("jpeg", ["jpeg:90", "jpeg:75", "jpeg:50"]),
        ("jpeg:75", ["jpeg:75"]),
        ("int8", ["int8"]),
        ("synonyms:0.3@mini-world", ["synonyms@mini-world:0.3"]),
        ("synonyms@mini-world:0.3", ["synonyms@mini-world:0.3"]),
    ],
)
def test_an_attack_is_named_with_or_without_its_strength(typed: str, texts: list[str]) -> None:
    assert [one.text for one in chosen_attacks((typed,), ())] == texts


def test_kinds_and_names_add_up_in_the_order_of_the_grid() -> None:
    some = chosen_attacks(("jpeg:90", "int8"), ("chains",))
    assert [one.text for one in some][:3] == ["int8", "jpeg:90", "compressed:1"]
    assert {one.kind for one in some[2:]} == {"chains"}


@pytest.mark.parametrize(
    ("texts", "kinds", "words"),
    [
        (("flip",), (), r"among int8, nf4, .*jpeg.*got 'flip'"),
        (("flip:3",), (), r"among int8, nf4, .*got 'flip:3'"),
        (("jpeg:74",), (), r"strengths of jpeg among 90, 75, 50, got '74'"),
        (("int8:2",), (), r"int8 alone, got '2'"),
        ((), ("poison",), r"among weights, images, answers, divergence, chains, got 'poison'"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(
    texts: tuple[str, ...], kinds: tuple[str, ...], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        chosen_attacks(texts, kinds)


def test_the_strongest_and_the_middle_are_one_of_each_name() -> None:
    jpeg = chosen_attacks(("jpeg", "resize", "int8"), ())
    assert [one.text for one in strongest(jpeg)] == ["int8", "jpeg:50", "resize:0.5"]
    assert [one.text for one in middling(jpeg)] == ["int8", "jpeg:75", "resize:0.75"]
