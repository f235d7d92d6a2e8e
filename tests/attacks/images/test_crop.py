import numpy as np
import pytest

from sif.attacks.images import Crop
from tests.attacks.images.pictures import from_pixels, plain, values

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
