"""What holds for every attack on pictures, whichever it is."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from sif.attacks.images import (
    Bits,
    Blur,
    Chain,
    ImageAttack,
    Jpeg,
    Nothing,
    Resize,
    in_order,
    parse_image_attack,
)
from sif.attacks.images.parse import NAMES
from sif.errors import UsageError
from tests.attacks.images.pictures import portrait, values, white_noise

MILD = (
    *("none", "jpeg:75", "webp:75", "resize:0.5", "screenshot:1.25", "crop:0.05", "crop-pad:0.05"),
    *("rotate:2", "noise:4", "salt-pepper:0.01", "blur:1", "median:1", "bits:5", "brightness:1.2"),
    *("contrast:0.8", "gamma:1.5", "purify:12", "purify-learned:8"),
)
EXTREME = (
    *("jpeg:1", "jpeg:100", "webp:0", "webp:100", "resize:0.01", "resize:4", "screenshot:0.25"),
    *("screenshot:4", "crop:0", "crop:0.9", "crop-pad:0", "crop-pad:0.9", "rotate:-45"),
    *("rotate:45", "noise:0", "noise:255", "salt-pepper:0", "salt-pepper:1", "blur:0", "blur:100"),
    *("median:0", "median:10", "bits:1", "bits:8", "brightness:0", "brightness:4", "contrast:0"),
    *("contrast:4", "gamma:0.1", "gamma:10", "purify:0", "purify:100"),
    *("resize:0.5+noise:3+jpeg:50", "rotate:-2+screenshot:1.5+webp:60"),
)
WEAKEST = (
    *("none", "resize:1", "screenshot:1", "crop:0", "crop-pad:0", "rotate:0", "noise:0"),
    *("salt-pepper:0", "blur:0", "median:0", "bits:8", "brightness:1", "contrast:1", "gamma:1"),
    *("purify:0", "purify-learned:0"),
)
STRONGER = (
    ("jpeg", (95, 75, 50, 20, 5)),
    ("webp", (100, 75, 50, 20, 0)),
    ("resize", (0.9, 0.5, 0.25, 0.05)),
    ("screenshot", (1, 0.75, 0.5, 0.25)),
    ("crop", (0, 0.05, 0.2, 0.6)),
    ("crop-pad", (0, 0.05, 0.2, 0.6)),
    ("rotate", (0, 1, 3, 10, 30)),
    ("rotate", (0, -1, -3, -10, -30)),
    ("noise", (0, 2, 8, 30)),
    ("salt-pepper", (0, 0.01, 0.1, 0.5)),
    ("blur", (0, 1, 2, 5)),
    ("median", (0, 1, 2, 5)),
    ("bits", (8, 6, 4, 2)),
    ("brightness", (1, 1.1, 1.5, 2)),
    ("brightness", (1, 0.9, 0.6, 0)),
    ("contrast", (1, 0.9, 0.6, 0)),
    ("contrast", (1, 1.1, 1.5, 3)),
    ("gamma", (1, 1.2, 1.6, 3)),
    ("gamma", (1, 0.9, 0.6, 0.2)),
    ("purify", (0, 4, 8, 20, 60)),
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


@pytest.mark.parametrize("text", WEAKEST)
def test_an_attack_of_no_strength_changes_nothing(text: str) -> None:
    assert parse_image_attack(text).apply(white_noise()).tobytes() == white_noise().tobytes()


@pytest.mark.parametrize(("name", "strengths"), STRONGER, ids=str)
def test_the_stronger_the_attack_the_larger_the_change(
    name: str, strengths: tuple[int | float, ...]
) -> None:
    picture = portrait()
    attacks = [parse_image_attack(f"{name}:{strength}") for strength in strengths]
    changes = [np.abs(values(one.apply(picture)) - values(picture)).mean() for one in attacks]
    assert all(less < more for less, more in pairwise(changes)), changes


@pytest.mark.parametrize("text", MILD)
def test_a_grey_picture_is_attacked_as_the_rgb_picture_that_it_shows(text: str) -> None:
    grey = white_noise().convert("L")
    attack = parse_image_attack(text)
    assert attack.apply(grey).tobytes() == attack.apply(grey.convert("RGB")).tobytes()


# These may tint: noise, an encoder's rounding, a network that learnt from colours.
TINTING = {"noise:4", "webp:75", "purify-learned:8"}


@pytest.mark.parametrize("text", sorted({*MILD} - {"none"} - TINTING))
def test_a_grey_picture_stays_grey(text: str) -> None:
    grey = white_noise().convert("L").convert("RGB")
    red, green, blue = np.moveaxis(np.asarray(parse_image_attack(text).apply(grey)), 2, 0)
    assert np.array_equal(red, green)
    assert np.array_equal(green, blue)


def test_attacks_are_values() -> None:
    table: dict[ImageAttack, int] = {parse_image_attack("resize:0.5+noise:4"): 1}
    assert table[parse_image_attack("resize:0.50+noise:4.0")] == 1
    assert isinstance(parse_image_attack("none").apply(Image.new("RGB", (1, 1))), Image.Image)


SMALL, COMPRESSED = Resize(factor=0.5), Jpeg(quality=30)


def test_each_attack_works_on_what_the_one_before_it_left() -> None:
    chain = Chain(steps=(SMALL, COMPRESSED))
    by_hand = COMPRESSED.apply(SMALL.apply(white_noise()))
    assert chain.apply(white_noise()).tobytes() == by_hand.tobytes()


def test_the_order_matters() -> None:
    there, back = Chain(steps=(SMALL, COMPRESSED)), Chain(steps=(COMPRESSED, SMALL))
    assert there != back
    assert there.apply(white_noise()).tobytes() != back.apply(white_noise()).tobytes()


@pytest.mark.parametrize(
    ("attacks", "one"),
    [
        ([], Nothing()),
        ([Nothing(), Nothing()], Nothing()),
        ([Nothing(), SMALL], SMALL),
        ([SMALL, Chain(steps=(SMALL, COMPRESSED))], Chain(steps=(SMALL, SMALL, COMPRESSED))),
    ],
)
def test_attacks_in_order_are_one_attack_in_its_shortest_form(
    attacks: list[ImageAttack], one: ImageAttack
) -> None:
    assert in_order(attacks) == one


@pytest.mark.parametrize(
    "steps",
    [
        (),
        (SMALL,),
        (SMALL, Nothing()),
        (Bits(bits=5), Chain(steps=(SMALL, Blur(radius=1)))),
    ],
)
def test_a_chain_that_has_a_shorter_form_is_refused(steps: tuple[ImageAttack, ...]) -> None:
    with pytest.raises(UsageError, match="two or more single attacks"):
        Chain(steps=steps)
