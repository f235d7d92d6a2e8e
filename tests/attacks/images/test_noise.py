import hashlib

import numpy as np
import pytest
from jaxtyping import Float

from sif.attacks.images import Chain, Noise, SaltPepper
from tests.attacks.images.pictures import plain, values, white_noise

GREY = plain((128, 128, 128), height=200, width=300)


def _noise(deviation: int | float) -> Float[np.ndarray, "height width 3"]:
    noise: np.ndarray = values(Noise(deviation=deviation).apply(GREY)) - 128
    return noise


@pytest.mark.parametrize("deviation", [1, 4, 12.5])
def test_it_has_the_deviation_that_was_asked_for_after_rounding(deviation: int | float) -> None:
    noise = _noise(deviation)
    rounded = np.sqrt(deviation**2 + 1 / 12)
    assert noise.std() == pytest.approx(rounded, rel=0.01)
    assert abs(noise.mean()) < 4 * rounded / np.sqrt(noise.size)


def test_it_is_gaussian_and_independent_between_channels_and_pixels() -> None:
    noise = _noise(12) / _noise(12).std()
    assert (noise**4).mean() == pytest.approx(3, abs=0.1)
    assert (np.abs(noise) > 2).mean() == pytest.approx(0.0455, abs=0.005)
    for other in (np.roll(noise, 1, 0), np.roll(noise, 1, 1), np.roll(noise, 1, 2)):
        assert abs((noise * other).mean()) < 0.01


def test_black_and_white_are_clipped_and_do_not_wrap_around() -> None:
    noise = Noise(deviation=10)
    assert values(noise.apply(plain((0, 0, 0)))).max() < 70
    assert values(noise.apply(plain((255, 255, 255)))).min() > 185


def test_the_noise_follows_from_picture_and_attack() -> None:
    other = GREY.copy()
    other.putpixel((0, 0), (129, 128, 128))
    other_picture = values(Noise(deviation=4).apply(other)) - values(other)
    for independent in (other_picture, _noise(5)):
        assert abs(np.corrcoef(_noise(4).ravel(), independent.ravel())[0, 1]) < 0.01


def test_pictures_with_the_same_pixels_in_another_extent_get_other_noise() -> None:
    wide, high = plain((9, 9, 9), height=40, width=80), plain((9, 9, 9), height=80, width=40)
    attack = Noise(deviation=4)
    assert attack.apply(wide).tobytes() != attack.apply(high).tobytes()


def test_noise_twice_adds_up_as_independent_noise_does() -> None:
    twice = Chain(steps=(Noise(deviation=6), Noise(deviation=6)))
    assert values(twice.apply(GREY)).std() == pytest.approx(np.sqrt(2 * (36 + 1 / 12)), rel=0.01)


def test_the_noise_is_the_one_that_the_documentation_describes() -> None:
    picture = white_noise(height=20, width=30)
    digest = hashlib.sha256(b"noise:2.5|30x20|" + picture.tobytes()).hexdigest()
    drawn = np.random.default_rng(int(digest, 16)).standard_normal((20, 30, 3))
    expected = (values(picture) + 2.5 * drawn).round().clip(0, 255)
    assert np.array_equal(values(Noise(deviation=2.5).apply(picture)), expected)


TINTED = plain((100, 128, 150), height=200, width=300)


@pytest.mark.parametrize("share", [0.01, 0.2, 1])
def test_the_share_turns_half_black_and_half_white_in_all_channels(share: int | float) -> None:
    attacked = values(SaltPepper(share=share).apply(TINTED))
    black, white = ((attacked == value).all(axis=2) for value in (0, 255))
    deviation = 4 * np.sqrt(share / 2 / black.size)
    for speck in (black, white):
        assert speck.mean() == pytest.approx(share / 2, abs=deviation)
    assert (attacked[~(black | white)] == (100, 128, 150)).all()


def test_the_specks_follow_from_picture_and_attack() -> None:
    other = TINTED.copy()
    other.putpixel((0, 0), (1, 2, 3))
    first, second, third = (
        (values(SaltPepper(share=share).apply(picture)) == 0).all(axis=2).ravel()
        for picture, share in ((TINTED, 0.3), (other, 0.3), (TINTED, 0.31))
    )
    for independent in (second, third):
        assert abs(np.corrcoef(first, independent)[0, 1]) < 0.02
