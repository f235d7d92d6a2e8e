import numpy as np
import pytest
from scipy.ndimage import median_filter

from sif.attacks.images import Blur, Median, SaltPepper
from tests.attacks.images.pictures import from_pixels, plain, values, white_noise


@pytest.mark.parametrize("radius", [1, 1.5, 4])
def test_an_edge_spreads_with_the_radius_as_its_standard_deviation(radius: int | float) -> None:
    edge = np.zeros((30, 80, 3))
    edge[:, 40:] = 255
    blurred = values(Blur(radius=radius).apply(from_pixels(edge)))
    for line in (blurred[15, :, 0], blurred[3, :, 2]):
        spread = np.diff(line) / 255
        place = np.arange(len(spread))
        mean = (place * spread).sum()
        assert spread.sum() == pytest.approx(1)
        assert mean == pytest.approx(39, abs=0.05)
        variance = ((place - mean) ** 2 * spread).sum()
        assert np.sqrt(variance) == pytest.approx(radius, rel=0.05)


def test_it_blurs_both_axes_alike() -> None:
    edge = np.zeros((40, 40, 3))
    edge[:, 20:] = 255
    across = values(Blur(radius=2).apply(from_pixels(edge)))
    down = values(Blur(radius=2).apply(from_pixels(edge.transpose(1, 0, 2))))
    assert np.array_equal(across, down.transpose(1, 0, 2))


def test_a_plain_picture_stays_as_it_is_up_to_its_edges() -> None:
    red = plain((200, 10, 10))
    assert Blur(radius=5).apply(red).tobytes() == red.tobytes()


@pytest.mark.parametrize("radius", [1, 3])
def test_every_value_is_the_median_of_its_window(radius: int) -> None:
    side = 2 * radius + 1
    expected = median_filter(values(white_noise()), (side, side, 1), mode="nearest")
    assert np.array_equal(values(Median(radius=radius).apply(white_noise())), expected)


def test_it_takes_single_specks_out() -> None:
    grey = plain((90, 90, 90))
    specked = SaltPepper(share=0.02).apply(grey)
    assert specked.tobytes() != grey.tobytes()
    assert (values(Median(radius=1).apply(specked)) != 90).mean() < 0.005
