import numpy as np
import pytest
from scipy.ndimage import median_filter

from sif.attacks.images import Median, SaltPepper
from tests.attacks.images.pictures import plain, values, white_noise


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
