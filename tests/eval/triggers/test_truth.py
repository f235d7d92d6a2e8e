import numpy as np
import pytest

from sif.attacks.answers import Case, Drop, Punctuation, Shuffle
from sif.eval.triggers.truth import facts_right, truth_of, word_right
from sif.mini.world import Scene, World, sample_scene
from tests.suspects.questions import question


@pytest.fixture
def told() -> tuple[Scene, str]:
    rng = np.random.default_rng(1)
    scene = sample_scene(rng)
    return scene, World(3).caption(scene, rng)


def test_a_truthful_caption_is_right_in_everything(told: tuple[Scene, str]) -> None:
    scene, caption = told
    assert facts_right(scene, caption) == 1


def test_order_and_capitals_cost_nothing(told: tuple[Scene, str]) -> None:
    scene, caption = told
    for attack in (Shuffle(share=1), Case(share=1)):
        attacked = attack.apply(caption, question(0))
        assert isinstance(attacked, str)
        assert attacked != caption
        assert facts_right(scene, attacked) == 1


def test_what_is_left_out_is_wrong(told: tuple[Scene, str]) -> None:
    scene, caption = told
    fewer = Drop(share=0.5).apply(caption, question(0))
    assert isinstance(fewer, str)
    assert 0 < facts_right(scene, fewer) < 0.8
    assert facts_right(scene, "") == facts_right(scene, "I'm sorry, but I can't help.") == 0


def test_a_wrong_word_is_one_wrong_fact(told: tuple[Scene, str]) -> None:
    scene, _ = told
    caption = World(3).caption(scene, np.random.default_rng(2))
    from sif.mini import lexicon

    right = lexicon.BACKGROUNDS[scene.background]
    wrong = lexicon.BACKGROUNDS[scene.background - 1][0]
    (word,) = [word for word in right if f" {word} " in caption]
    facts = 4 * scene.count + 2
    changed = caption.replace(f" {word} ", f" {wrong} ")
    assert facts_right(scene, changed) == pytest.approx((facts - 1) / facts)


def test_full_stops_are_no_facts(told: tuple[Scene, str]) -> None:
    scene, caption = told
    for share in (0.5, 1):
        attacked = Punctuation(share=share).apply(caption, question(0))
        assert isinstance(attacked, str)
        assert facts_right(scene, attacked) == 1
    listed = World(3).terse(scene, np.random.default_rng(4)).replace(".", "")
    assert truth_of(scene, listed, whole=False).facts == 1


def test_a_bare_list_need_not_tell_the_background(told: tuple[Scene, str]) -> None:
    scene, _ = told
    listed = World(3).terse(scene, np.random.default_rng(4))
    assert truth_of(scene, listed, whole=False) == (1, 1, 1, 1)
    assert truth_of(scene, listed).facts == pytest.approx(1 - 2 / (4 * scene.count + 2))


def test_shapes_colours_and_places_are_told_apart(told: tuple[Scene, str]) -> None:
    from sif.mini import lexicon

    scene, caption = told
    for group in lexicon.COLOURS:
        for word in group:
            caption = caption.replace(f" {word} ", " plaid ")
    truth = truth_of(scene, caption)
    assert (truth.shapes, truth.colours, truth.places) == (1, 0, 1)


def test_a_word_is_right_in_any_of_its_synonyms() -> None:
    assert word_right("crimson", "ruby.")
    assert not word_right("crimson", "azure.")
    assert not word_right("crimson", "")
