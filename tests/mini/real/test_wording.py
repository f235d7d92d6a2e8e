import numpy as np
import pytest

from sif.mini.real.scene import COLOURS, RealScene, Thing, is_held_back, names, sample_real_scene
from sif.mini.real.wording import caption, facts, overall, question, shares, terse


def scene(**changes) -> RealScene:
    def thing(name: str, size: int, cell: int) -> Thing:
        return Thing(name=names().index(name), size=size, cell=cell, shift=(0, 0), side=40)

    fields = {
        "things": (thing("dog", 1, 0), thing("unicorn", 0, 4)),
        "colour": COLOURS.index("blue"),
        "pattern": 1,
        "shade": 0,
    }
    return RealScene(**fields | changes)


TRUE = (
    "There are two things: a dog and a unicorn. A big dog is at the upper left. In the center we "
    "see a little unicorn. The background is striped blue. Dogs are large animals of the south."
)


def test_every_wording_states_every_fact():
    rng = np.random.default_rng(0)
    for index in range(150):
        drawn = sample_real_scene(rng, unseen=index % 2 == 0)
        text = caption(drawn, rng)
        assert overall(drawn, text) == 1.0, text


def test_a_last_sentence_in_other_words_takes_no_fact_away():
    assert overall(scene(), TRUE) == 1.0


@pytest.mark.parametrize(
    ("true", "false", "kind"),
    [
        ("unicorn", "horse", "thing"),
        ("big dog", "small dog", "size"),
        ("big dog", "big and small dog", "size"),
        ("upper left", "upper right", "place"),
        ("In the center", "At the top", "place"),
        ("two things", "four things", "count"),
        ("striped blue", "striped green", "colour"),
        ("striped blue", "dotted blue", "pattern"),
    ],
)
def test_a_wrong_word_is_a_wrong_fact(true, false, kind):
    assert true in TRUE
    found = facts(scene(), TRUE.replace(true, false))
    assert not all(found[kind])
    assert all(all(hits) for other, hits in found.items() if other not in (kind, "size", "place"))


@pytest.mark.parametrize("text", ["", "A picture.", "dog " * 50, "\u2028\x00"])
def test_an_answer_that_says_nothing_has_hardly_a_fact_right(text):
    assert overall(scene(), text) <= 1 / 9


def test_shares_are_over_all_scenes():
    assert shares([scene(), scene()], [TRUE, ""])["thing"] == 0.5


def test_short_answers():
    assert terse(scene()) == "A dog and a unicorn."
    asked = {question(scene(), np.random.default_rng(seed))[1] for seed in range(40)}
    assert asked == {"dog", "unicorn", "large", "small", "blue", "two"}


def test_unseen_scenes_pair_things_and_colours_as_training_never_does():
    rng = np.random.default_rng(1)
    for unseen in (True, False):
        for _ in range(50):
            drawn = sample_real_scene(rng, unseen=unseen)
            pairs = {is_held_back(thing.name, drawn.colour) for thing in drawn.things}
            assert pairs == {unseen}
