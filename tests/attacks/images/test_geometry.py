import numpy as np
import pytest
from jaxtyping import Bool, Float
from PIL import Image

from sif.attacks.images import Crop, CropPad, Resize, Rotate, Screenshot
from sif.attacks.images.geometry import _linear, _srgb
from tests.attacks.images.pictures import from_pixels, plain, portrait, values, white_noise

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


RED, BLUE = (255, 0, 0), (0, 0, 255)


def _framed(height: int, width: int, frame: tuple[int, int]) -> np.ndarray:
    """Blue, with a red frame of so many rows and columns at each edge."""
    pixels = np.broadcast_to(RED, (height, width, 3)).copy()
    pixels[frame[0] : height - frame[0], frame[1] : width - frame[1]] = BLUE
    return pixels


def test_the_frame_goes_and_nothing_of_it_bleeds_in() -> None:
    attacked = values(Crop(share=0.2).apply(from_pixels(_framed(60, 100, (6, 10)))))
    assert (attacked == BLUE).all()


def test_what_lies_inside_the_share_stays() -> None:
    attacked = values(Crop(share=0.1).apply(from_pixels(_framed(60, 100, (6, 10)))))
    edges = (attacked[0], attacked[-1], attacked[:, 0], attacked[:, -1])
    for edge in edges:
        assert np.abs(edge - RED).max() < 10
    assert (attacked[30, 50] == BLUE).all()


def test_the_middle_is_enlarged_around_the_middle() -> None:
    pixels = np.zeros((100, 100, 3))
    pixels[40:60, 45:55] = 255
    attacked = values(Crop(share=0.5).apply(from_pixels(pixels)))[:, :, 0] > 127
    rows, columns = np.flatnonzero(attacked.any(axis=1)), np.flatnonzero(attacked.any(axis=0))
    assert (rows[0], rows[-1]) == (30, 69)
    assert (columns[0], columns[-1]) == (40, 59)


@pytest.mark.parametrize(("side", "share", "kept"), [(5, 0.2, 4), (5, 0.4, 3), (7, 0.9, 1)])
def test_whole_pixels_stay_and_the_far_edges_lose_the_odd_one(
    side: int, share: float, kept: int
) -> None:
    pixels = np.broadcast_to((np.arange(side) * 30)[None, :, None], (side, side, 3))
    row = values(Crop(share=share).apply(from_pixels(pixels)))[0, :, 0]
    first = (side - kept) // 2
    assert row.min() == pytest.approx(30 * first, abs=4)
    assert row.max() == pytest.approx(30 * (first + kept - 1), abs=4)


@pytest.mark.parametrize("extent", [(1, 1), (2, 1), (3, 5)])
def test_at_least_one_pixel_stays(extent: tuple[int, int]) -> None:
    picture = plain((90, 80, 70), height=extent[0], width=extent[1])
    assert Crop(share=0.9).apply(picture).tobytes() == picture.tobytes()


@pytest.mark.parametrize(("share", "rows", "columns"), [(0.2, 6, 10), (0.5, 15, 25)])
def test_the_middle_stays_in_its_place_and_the_frame_is_black(
    share: float, rows: int, columns: int
) -> None:
    picture = white_noise(height=60, width=100)
    attacked, before = values(CropPad(share=share).apply(picture)), values(picture)
    middle = (slice(rows, 60 - rows), slice(columns, 100 - columns))
    assert (attacked[middle] == before[middle]).all()
    attacked[middle] = 0
    assert (attacked == 0).all()


def test_at_least_one_pixel_stays_in_the_frame() -> None:
    picture = white_noise(height=1, width=1)
    assert CropPad(share=0.9).apply(picture).tobytes() == picture.tobytes()


@pytest.mark.parametrize("angle", [5, -20])
def test_a_bar_turns_counter_clockwise_about_the_middle(angle: int) -> None:
    pixels = np.zeros((101, 101, 3))
    pixels[50, 10:91] = 255
    attacked = values(Rotate(angle=angle).apply(from_pixels(pixels)))[:, :, 0]
    rows, columns = np.nonzero(attacked > 100)
    slope = np.polyfit(columns - 50, 50 - rows, 1)
    assert np.degrees(np.arctan(slope[0])) == pytest.approx(angle, abs=0.5)
    assert slope[1] == pytest.approx(0, abs=0.5)


def test_the_corners_turn_black_and_the_middle_stays() -> None:
    attacked = values(Rotate(angle=10).apply(plain((200, 150, 100))))
    for corner in (attacked[0, 0], attacked[0, -1], attacked[-1, 0], attacked[-1, -1]):
        assert (corner == 0).all()
    assert (attacked[20:44, 20:44] == (200, 150, 100)).all()
