"""Brightness, contrast, gamma and bits: one table from value to value."""

import numpy as np
import pytest

from sif.attacks.images import Bits, Brightness, Contrast, Gamma
from tests.attacks.images.pictures import from_pixels, values

RAMP = from_pixels(np.stack([np.arange(256)] * 3, -1)[None])
STEPS = np.arange(256)


def _curve(attack: Brightness | Contrast | Gamma) -> np.ndarray:
    curve: np.ndarray = values(attack.apply(RAMP))[0, :, 0]
    return curve


@pytest.mark.parametrize("factor", [0, 0.7, 1.3, 4])
def test_brightness_multiplies_and_clips(factor: int | float) -> None:
    wanted = np.clip(factor * STEPS, 0, 255)
    assert np.abs(_curve(Brightness(factor=factor)) - wanted).max() <= 1


@pytest.mark.parametrize("factor", [0, 0.7, 1.3, 4])
def test_contrast_keeps_the_mean_grey(factor: int | float) -> None:
    wanted = np.clip(128 + factor * (STEPS - 128), 0, 255)
    assert np.abs(_curve(Contrast(factor=factor)) - wanted).max() <= 1


@pytest.mark.parametrize("exponent", [0.45, 2.2])
def test_gamma_bends_the_middle_and_keeps_black_and_white(exponent: float) -> None:
    curve = _curve(Gamma(exponent=exponent))
    assert (curve[0], curve[-1]) == (0, 255)
    assert np.abs(curve - 255 * (STEPS / 255) ** exponent).max() <= 0.5


RAMPS = from_pixels(np.stack([np.arange(256), np.arange(256)[::-1], np.arange(256)], -1)[None])


@pytest.mark.parametrize("bits", range(1, 9))
def test_every_value_goes_to_the_nearest_of_the_even_steps(bits: int) -> None:
    levels = np.linspace(0, 255, 2**bits)
    attacked = values(Bits(bits=bits).apply(RAMPS))
    distance = np.abs(attacked[..., None] - levels)
    assert len(np.unique(attacked)) == 2**bits
    assert distance.min(axis=-1).max() <= 0.5
    nearest = np.abs(values(RAMPS)[..., None] - levels).min(axis=-1)
    assert (np.abs(values(RAMPS) - attacked) <= nearest + 0.5).all()


@pytest.mark.parametrize("bits", [1, 5])
def test_black_and_white_stay_and_a_second_time_changes_nothing(bits: int) -> None:
    once = Bits(bits=bits).apply(RAMPS)
    assert values(once)[0, 0].tolist() == [0, 255, 0]
    assert values(once)[0, -1].tolist() == [255, 0, 255]
    assert Bits(bits=bits).apply(once).tobytes() == once.tobytes()
