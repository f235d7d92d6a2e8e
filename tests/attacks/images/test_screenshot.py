import numpy as np
import pytest
from PIL import Image

from sif.attacks.images import Resize, Screenshot
from sif.attacks.images.screenshot import _linear, _srgb
from tests.attacks.images.pictures import from_pixels, plain, portrait, values


@pytest.mark.parametrize("scale", [0.5, 1.25, 1.5, 3])
@pytest.mark.parametrize("colour", [(0, 0, 0), (3, 90, 201), (255, 255, 255)])
def test_a_plain_picture_stays_as_it_is(scale: float, colour: tuple[int, int, int]) -> None:
    picture = plain(colour)
    assert Screenshot(scale=scale).apply(picture).tobytes() == picture.tobytes()


def test_a_larger_screen_keeps_the_picture_nearly_and_not_as_resizing_does() -> None:
    picture = portrait()
    shot, resized = (
        attack.apply(picture) for attack in (Screenshot(scale=1.5), Resize(factor=1.5))
    )
    assert shot.tobytes() != resized.tobytes()
    assert 0 < np.abs(values(shot) - values(picture)).mean() < 8


def test_scaling_back_averages_light_so_stripes_grow_lighter_than_their_mean_value() -> None:
    stripes = np.zeros((64, 64, 3))
    stripes[:, ::3] = 255
    picture = from_pixels(stripes)
    by_value = picture.resize((80, 80), Image.Resampling.BILINEAR)
    by_value = by_value.resize(picture.size, Image.Resampling.LANCZOS)
    lighter = values(Screenshot(scale=1.25).apply(picture)).mean() - values(by_value).mean()
    assert lighter > 5


def test_light_of_known_values() -> None:
    known = np.array([[[0.0, 0.04045, 0.5]], [[1.0, 0.02, 0.735357]]])
    light = np.array([[[0.0, 0.0031308, 0.2140411]], [[1.0, 0.001548, 0.5]]])
    assert _linear(known) == pytest.approx(light, abs=1e-6)
    assert _srgb(light) == pytest.approx(known, abs=1e-5)
