"""What holds for every attack on pictures, whichever it is."""

import numpy as np
import pytest
from PIL import Image

from sif.attacks.images import ImageAttack, parse_image_attack
from sif.attacks.images.parse import NAMES
from tests.attacks.images.pictures import white_noise

MILD = ("none", "jpeg:75", "resize:0.5", "noise:4", "blur:1", "crop:0.05", "bits:5")
EXTREME = (
    *("jpeg:1", "jpeg:100", "resize:0.01", "resize:4", "noise:0", "noise:255", "blur:0"),
    *("blur:100", "crop:0", "crop:0.9", "bits:1", "bits:8", "resize:0.5+noise:3+jpeg:50"),
)
EXTENTS = ((1, 1), (1, 9), (9, 1), (7, 5), (64, 48))


def test_every_name_is_tried_here() -> None:
    assert {text.split(":")[0] for text in MILD} == set(NAMES)


@pytest.mark.parametrize("text", MILD + EXTREME)
@pytest.mark.parametrize("extent", EXTENTS)
def test_extent_and_mode_stay_and_the_picture_given_is_not_changed(
    text: str, extent: tuple[int, int]
) -> None:
    picture = white_noise(height=extent[0], width=extent[1])
    before = picture.tobytes()
    attacked = parse_image_attack(text).apply(picture)
    assert (attacked.size, attacked.mode) == (picture.size, "RGB")
    assert attacked is not picture
    assert picture.tobytes() == before


@pytest.mark.parametrize("text", MILD + EXTREME)
def test_the_same_attack_on_the_same_picture_gives_the_same_pixels(text: str) -> None:
    first, again = (parse_image_attack(text).apply(white_noise()) for _ in range(2))
    assert first.tobytes() == again.tobytes()


@pytest.mark.parametrize("text", MILD[1:])
def test_an_attack_changes_the_picture(text: str) -> None:
    assert parse_image_attack(text).apply(white_noise()).tobytes() != white_noise().tobytes()


@pytest.mark.parametrize("text", ["none", "resize:1", "noise:0", "blur:0", "crop:0", "bits:8"])
def test_an_attack_of_no_strength_changes_nothing(text: str) -> None:
    assert parse_image_attack(text).apply(white_noise()).tobytes() == white_noise().tobytes()


@pytest.mark.parametrize("text", MILD)
def test_a_grey_picture_is_attacked_as_the_rgb_picture_that_it_shows(text: str) -> None:
    grey = white_noise().convert("L")
    attack = parse_image_attack(text)
    assert attack.apply(grey).tobytes() == attack.apply(grey.convert("RGB")).tobytes()


@pytest.mark.parametrize("text", ["jpeg:75", "resize:0.5", "blur:1", "crop:0.05", "bits:5"])
def test_a_grey_picture_stays_grey(text: str) -> None:
    grey = white_noise().convert("L").convert("RGB")
    red, green, blue = np.moveaxis(np.asarray(parse_image_attack(text).apply(grey)), 2, 0)
    assert np.array_equal(red, green)
    assert np.array_equal(green, blue)


def test_attacks_are_values() -> None:
    table: dict[ImageAttack, int] = {parse_image_attack("resize:0.5+noise:4"): 1}
    assert table[parse_image_attack("resize:0.50+noise:4.0")] == 1
    assert isinstance(parse_image_attack("none").apply(Image.new("RGB", (1, 1))), Image.Image)
