import numpy as np
import pytest

from sif.attacks.images import Bits
from tests.attacks.images.pictures import from_pixels, values

RAMP = from_pixels(np.stack([np.arange(256), np.arange(256)[::-1], np.arange(256)], -1)[None])


@pytest.mark.parametrize("bits", range(1, 9))
def test_every_value_goes_to_the_nearest_of_the_even_steps(bits: int) -> None:
    levels = np.linspace(0, 255, 2**bits)
    attacked = values(Bits(bits=bits).apply(RAMP))
    distance = np.abs(attacked[..., None] - levels)
    assert len(np.unique(attacked)) == 2**bits
    assert distance.min(axis=-1).max() <= 0.5
    nearest = np.abs(values(RAMP)[..., None] - levels).min(axis=-1)
    assert (np.abs(values(RAMP) - attacked) <= nearest + 0.5).all()


@pytest.mark.parametrize("bits", [1, 5])
def test_black_and_white_stay_and_a_second_time_changes_nothing(bits: int) -> None:
    once = Bits(bits=bits).apply(RAMP)
    assert values(once)[0, 0].tolist() == [0, 255, 0]
    assert values(once)[0, -1].tolist() == [255, 0, 255]
    assert Bits(bits=bits).apply(once).tobytes() == once.tobytes()
