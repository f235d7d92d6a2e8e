from pathlib import Path

import pytest
from PIL import Image

from sif.attacks.images import Webp
from tests.attacks.images.pictures import white_noise


@pytest.mark.parametrize("quality", [0, 75, 100])
def test_it_is_what_a_webp_file_of_that_quality_shows(tmp_path: Path, quality: int) -> None:
    white_noise().save(tmp_path / "there.webp", quality=quality)
    with Image.open(tmp_path / "there.webp") as back:
        assert Webp(quality=quality).apply(white_noise()).tobytes() == back.tobytes()
