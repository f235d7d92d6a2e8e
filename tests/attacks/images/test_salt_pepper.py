import numpy as np
import pytest

from sif.attacks.images import SaltPepper
from tests.attacks.images.pictures import plain, values

GREY = plain((100, 128, 150), height=200, width=300)


@pytest.mark.parametrize("share", [0.01, 0.2, 1])
def test_the_share_turns_half_black_and_half_white_in_all_channels(share: int | float) -> None:
    attacked = values(SaltPepper(share=share).apply(GREY))
    black, white = ((attacked == value).all(axis=2) for value in (0, 255))
    deviation = 4 * np.sqrt(share / 2 / black.size)
    for speck in (black, white):
        assert speck.mean() == pytest.approx(share / 2, abs=deviation)
    assert (attacked[~(black | white)] == (100, 128, 150)).all()


def test_the_specks_follow_from_picture_and_attack() -> None:
    other = GREY.copy()
    other.putpixel((0, 0), (1, 2, 3))
    first, second, third = (
        (values(SaltPepper(share=share).apply(picture)) == 0).all(axis=2).ravel()
        for picture, share in ((GREY, 0.3), (other, 0.3), (GREY, 0.31))
    )
    for independent in (second, third):
        assert abs(np.corrcoef(first, independent)[0, 1]) < 0.02
