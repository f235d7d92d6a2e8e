import numpy as np
import pytest
from PIL import Image

from sif.eval.triggers.portraits import stealth
from sif.mini.data import samples

BASE = samples(11, number=1, seed=1)[0].image


def noisy(reach: int) -> Image.Image:
    change = reach * np.random.default_rng(0).choice([-1, 1], (72, 72, 3))
    return Image.fromarray(np.clip(np.asarray(BASE, np.int16) + change, 0, 255).astype(np.uint8))


def test_a_picture_is_like_itself() -> None:
    same = stealth(BASE, BASE)
    assert same.largest_change == 0
    assert same.ssim == pytest.approx(1)
    assert same.haarpsi == pytest.approx(1, abs=1e-4)


def test_psnr_follows_its_definition() -> None:
    found = stealth(noisy(8), BASE)
    levels = [np.asarray(picture, np.float64) for picture in (noisy(8), BASE)]
    expected = 10 * np.log10(255**2 / np.mean((levels[0] - levels[1]) ** 2))
    assert found.psnr == pytest.approx(expected, abs=1e-3)
    assert found.largest_change == 8


def test_a_stronger_change_is_less_stealthy_by_every_measure() -> None:
    weak, strong = stealth(noisy(4), BASE), stealth(noisy(16), BASE)
    assert weak.largest_change < strong.largest_change
    for name in ("psnr", "ssim", "haarpsi"):
        assert getattr(weak, name) > getattr(strong, name)
