import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.signal import wiener

from sif.attacks.images import Purify
from sif.attacks.images.purify import _denoised
from tests.attacks.images.pictures import from_pixels, plain, values, white_noise

ROWS, COLUMNS = np.mgrid[:96, :96]
CLEAN = np.stack([90 + 60 * (COLUMNS > 48), 80 + ROWS, 170 - 50 * (ROWS > COLUMNS)], axis=-1)


@pytest.mark.parametrize("deviation", [4, 10])
def test_it_takes_noise_out(deviation: int) -> None:
    noise = np.random.default_rng(0).normal(0, deviation, CLEAN.shape)
    noisy = from_pixels((CLEAN + noise).round().clip(0, 255))
    before, after = (
        np.sqrt(((values(picture) - CLEAN) ** 2).mean())
        for picture in (noisy, Purify(deviation=deviation).apply(noisy))
    )
    assert after < 0.7 * before


def test_the_first_half_is_wieners_filter() -> None:
    pixels = values(white_noise())
    with np.errstate(all="ignore"):
        channels = [wiener(pixels[:, :, channel], 5, 25.0**2) for channel in range(3)]
    inner = (slice(4, -4), slice(4, -4))
    expected = np.stack(channels, axis=-1)[inner]
    assert _denoised(pixels, noise=25.0**2)[inner] == pytest.approx(expected, abs=1e-6)


def test_edges_are_sharpened_again() -> None:
    soft = from_pixels(gaussian_filter(CLEAN.astype(np.float64), (0.8, 0.8, 0)).round())
    pixels = values(soft)
    denoised = _denoised(pixels, noise=15.0**2)
    purified = values(Purify(deviation=15).apply(soft))
    for change in (denoised, purified):
        assert not np.array_equal(change, pixels)
    assert ((purified - pixels) ** 2).mean() < 0.9 * ((denoised - pixels) ** 2).mean()


def test_a_plain_picture_stays_as_it_is() -> None:
    red = plain((200, 10, 10))
    assert Purify(deviation=30).apply(red).tobytes() == red.tobytes()
