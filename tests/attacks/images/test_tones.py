"""Brightness, contrast and gamma: one table from value to value."""

import numpy as np
import pytest

from sif.attacks.images import Brightness, Contrast, Gamma
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
