import numpy as np
import pytest

from sif.attacks.answers import Case, Drop, Shuffle
from sif.eval.bench.truth import facts_right
from sif.eval.zoo.world import Scene, World, sample_scene
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
    from sif.eval.zoo import lexicon

    right = lexicon.BACKGROUNDS[scene.background]
    wrong = lexicon.BACKGROUNDS[scene.background - 1][0]
    (word,) = [word for word in right if f" {word} " in caption]
    facts = 4 * scene.count + 2
    changed = caption.replace(f" {word} ", f" {wrong} ")
    assert facts_right(scene, changed) == pytest.approx((facts - 1) / facts)
