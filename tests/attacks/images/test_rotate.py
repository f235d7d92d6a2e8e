import numpy as np
import pytest

from sif.attacks.images import Rotate
from tests.attacks.images.pictures import from_pixels, plain, values


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
