import pytest

from sif.attacks.images import CropPad
from tests.attacks.images.pictures import values, white_noise


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


def test_at_least_one_pixel_stays() -> None:
    picture = white_noise(height=1, width=1)
    assert CropPad(share=0.9).apply(picture).tobytes() == picture.tobytes()
