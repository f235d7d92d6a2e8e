import numpy as np
import pytest

from sif.attacks.images import Blur
from tests.attacks.images.pictures import from_pixels, plain, values


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
