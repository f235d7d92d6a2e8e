import numpy as np
import pytest
from jaxtyping import Bool, Float

from sif.attacks.images import Resize
from tests.attacks.images.pictures import from_pixels, values, white_noise

SIDE = 128


def _power(pixels: Float[np.ndarray, "height width 3"]) -> Float[np.ndarray, "height width"]:
    """Power at every frequency, the mean left out."""
    centred = pixels - pixels.mean(axis=(0, 1))
    spectrum: np.ndarray = (np.abs(np.fft.fft2(centred, axes=(0, 1))) ** 2).sum(axis=2)
    return spectrum


def _within(limit: float) -> Bool[np.ndarray, "height width"]:
    """Frequencies of both axes up to `limit` cycles for each pixel."""
    axis = np.abs(np.fft.fftfreq(SIDE)) <= limit
    return axis[:, None] & axis[None, :]


@pytest.mark.parametrize("factor", [0.5, 0.25])
def test_the_spectrum_shrinks_by_the_factor(factor: float) -> None:
    picture = white_noise(height=SIDE, width=SIDE)
    before, after = _power(values(picture)), _power(values(Resize(factor=factor).apply(picture)))
    nyquist = factor / 2
    low, lost = _within(nyquist / 3), ~_within(1.5 * nyquist)
    assert after[low].sum() > 0.8 * before[low].sum()
    assert after[lost].sum() < 0.02 * before[lost].sum()


def test_a_slow_wave_passes_and_a_fast_one_does_not() -> None:
    position = np.arange(SIDE)
    for period, kept in ((32, True), (2.5, False)):
        row = 128 + 60 * np.sin(2 * np.pi * position / period)
        wave = from_pixels(np.broadcast_to(row.round()[None, :, None], (SIDE, SIDE, 3)))
        swing = values(Resize(factor=0.5).apply(wave))[:, 16:-16].std()
        assert swing > 0.95 * values(wave).std() if kept else swing < 0.1 * values(wave).std()


def test_a_picture_never_shrinks_below_one_pixel() -> None:
    attacked = values(Resize(factor=0.01).apply(white_noise(height=40, width=30)))
    mean = values(white_noise(height=40, width=30)).mean(axis=(0, 1))
    assert np.ptp(attacked, axis=(0, 1)).max() == 0
    assert attacked[0, 0] == pytest.approx(mean, abs=12)


def test_enlarging_and_back_is_nearly_the_same_picture() -> None:
    row = 128 + 100 * np.sin(np.arange(SIDE) / 3)
    smooth = from_pixels(np.stack([np.add.outer(row, row) / 2] * 3, axis=-1).round())
    change = values(Resize(factor=2).apply(smooth)) - values(smooth)
    assert 0 < np.abs(change).max() < 10
