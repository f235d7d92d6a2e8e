import numpy as np
import pytest
from PIL import Image

from sif.attacks.adaptive import OffContent, Residual, roc_of, train_classifier
from sif.attacks.adaptive.own_triggers import moved
from sif.errors import UsageError
from sif.mini.data import samples


def scenes(number: int, seed: int) -> list[Image.Image]:
    return [sample.image for sample in samples(11, number=number, seed=seed)]


def disturbed(pictures: list[Image.Image], strength: int = 12) -> list[Image.Image]:
    """Signs in squares of one pixel, as strong as a weak trigger."""
    rng = np.random.default_rng(4)
    values = [np.asarray(picture, np.int16) for picture in pictures]
    return [
        Image.fromarray((v + strength * rng.choice([-1, 1], v.shape)).clip(0, 255).astype(np.uint8))
        for v in values
    ]


@pytest.fixture(scope="module")
def off_content() -> OffContent:
    return OffContent.fit(scenes(120, 911), tile=12, share=0.95)


def test_off_content_finds_what_ordinary_pictures_lack(off_content: OffContent) -> None:
    benign = scenes(40, 912)
    scores = off_content.scores(benign), off_content.scores(disturbed(benign))
    assert roc_of(*scores).auc.value == 1.0


def test_off_content_is_the_root_mean_square_of_what_is_left(off_content: OffContent) -> None:
    flat = Image.new("RGB", (24, 24))
    basis = off_content.content.basis
    direction = np.random.default_rng(2).normal(size=len(basis))
    direction -= basis.numpy() @ (basis.numpy().T @ direction)  # outside of content
    patch = (direction / np.abs(direction).max() * 40).round().reshape(3, 12, 12)
    values = np.tile(128 + patch.transpose(1, 2, 0), (2, 2, 1)).astype(np.uint8)
    base = off_content.scores([Image.new("RGB", (24, 24), (128, 128, 128))])[0]
    (score,) = off_content.scores([Image.fromarray(values)])
    assert score == pytest.approx(np.hypot(base, np.sqrt((patch**2).mean())), rel=0.1)
    assert off_content.scores([flat])[0] == pytest.approx(0, abs=1e-3)


def test_what_hangs_over_the_patches_is_cut_off(off_content: OffContent) -> None:
    picture = scenes(1, 913)[0]
    wider = Image.new("RGB", (79, 75), (255, 0, 0))
    wider.paste(picture, (0, 0))
    assert off_content.scores([wider]) == pytest.approx(off_content.scores([picture]))


def test_ordinary_pictures_may_have_any_extents() -> None:
    ragged = [scene.crop((0, 0, 70, 61)) for scene in scenes(120, 911)]
    assert OffContent.fit(ragged, tile=12, share=0.9).content.tile == 12
    with pytest.raises(UsageError, match=r"at least 12 pixels.*11 x 72"):
        OffContent.fit([Image.new("RGB", (11, 72))], tile=12)


def test_the_residual_needs_no_learning() -> None:
    benign = scenes(40, 914)
    assert roc_of(Residual().scores(benign), Residual().scores(disturbed(benign))).auc.low > 0.9
    assert Residual().scores([Image.new("RGB", (9, 9), (3, 4, 5))])[0] == pytest.approx(0)


def test_the_classifier_learns_what_it_is_shown() -> None:
    benign, others = scenes(60, 915), scenes(40, 916)
    taught = train_classifier(benign, disturbed(benign), steps=60)
    scores = taught.scores(others), taught.scores(disturbed(others))
    assert roc_of(*scores).auc.low > 0.9
    again = train_classifier(benign, disturbed(benign), steps=60)
    assert again.scores(others) == pytest.approx(scores[0])


def test_a_classifier_without_examples_is_refused() -> None:
    with pytest.raises(UsageError, match="got 0 and 1"):
        train_classifier([], scenes(1, 917))


def test_a_change_moves_to_another_picture() -> None:
    first, second = scenes(2, 918)
    trigger = disturbed([first])[0]
    there = moved(trigger, first, second)
    change = np.asarray(trigger, np.int16) - np.asarray(first, np.int16)
    expected = (np.asarray(second, np.int16) + change).clip(0, 255)
    assert np.array_equal(np.asarray(there, np.int16), expected)
    assert moved(trigger, first, second, strength=0.0).tobytes() == second.tobytes()
