from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sif.attacks.images import Jpeg, Webp
from tests.attacks.images.pictures import values, white_noise


@pytest.mark.parametrize("quality", [10, 75, 100])
def test_it_is_what_a_jpeg_file_of_that_quality_shows(tmp_path: Path, quality: int) -> None:
    white_noise().save(tmp_path / "there.jpg", quality=quality)
    with Image.open(tmp_path / "there.jpg") as back:
        assert Jpeg(quality=quality).apply(white_noise()).tobytes() == back.tobytes()


def test_the_lower_the_quality_the_larger_the_change() -> None:
    picture = white_noise()
    changes = [
        np.abs(values(Jpeg(quality=quality).apply(picture)) - values(picture)).mean()
        for quality in (95, 75, 50, 20, 5)
    ]
    assert changes == sorted(changes)
    assert changes[0] > 0


@pytest.mark.parametrize("quality", [0, 75, 100])
def test_it_is_what_a_webp_file_of_that_quality_shows(tmp_path: Path, quality: int) -> None:
    white_noise().save(tmp_path / "there.webp", quality=quality)
    with Image.open(tmp_path / "there.webp") as back:
        assert Webp(quality=quality).apply(white_noise()).tobytes() == back.tobytes()
