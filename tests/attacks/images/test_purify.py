from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from scipy.ndimage import gaussian_filter
from scipy.signal import wiener

from sif.attacks.images import Noise, Purify, PurifyLearned
from sif.attacks.images.denoiser import Denoiser, load_denoiser, save_denoiser
from sif.attacks.images.purify import BUNDLED, _denoised, bundled_weights
from sif.errors import UsageError
from sif.mini.data import samples
from tests.attacks.images.pictures import from_pixels, plain, portrait, values, white_noise

ROWS, COLUMNS = np.mgrid[:96, :96]
CLEAN = np.stack([90 + 60 * (COLUMNS > 48), 80 + ROWS, 170 - 50 * (ROWS > COLUMNS)], axis=-1)


@pytest.mark.parametrize("deviation", [4, 10])
def test_it_takes_noise_out(deviation: int) -> None:
    noise = np.random.default_rng(0).normal(0, deviation, CLEAN.shape)
    noisy = from_pixels((CLEAN + noise).round().clip(0, 255))
    before, after = (
        np.sqrt(((values(picture) - CLEAN) ** 2).mean())
        for picture in (noisy, Purify(deviation=deviation).apply(noisy))
    )
    assert after < 0.7 * before


def test_the_first_half_is_wieners_filter() -> None:
    pixels = values(white_noise())
    with np.errstate(all="ignore"):
        channels = [wiener(pixels[:, :, channel], 5, 25.0**2) for channel in range(3)]
    inner = (slice(4, -4), slice(4, -4))
    expected = np.stack(channels, axis=-1)[inner]
    assert _denoised(pixels, noise=25.0**2)[inner] == pytest.approx(expected, abs=1e-6)


def test_edges_are_sharpened_again() -> None:
    soft = from_pixels(gaussian_filter(CLEAN.astype(np.float64), (0.8, 0.8, 0)).round())
    pixels = values(soft)
    denoised = _denoised(pixels, noise=15.0**2)
    purified = values(Purify(deviation=15).apply(soft))
    for change in (denoised, purified):
        assert not np.array_equal(change, pixels)
    assert ((purified - pixels) ** 2).mean() < 0.9 * ((denoised - pixels) ** 2).mean()


def test_a_plain_picture_stays_as_it_is() -> None:
    red = plain((200, 10, 10))
    assert Purify(deviation=30).apply(red).tobytes() == red.tobytes()


@pytest.fixture(scope="module")
def scenes() -> list[Image.Image]:
    return [sample.image for sample in samples(11, number=4, seed=905)]


@pytest.mark.parametrize("weights", BUNDLED)
@pytest.mark.parametrize("deviation", [8, 16])
def test_the_network_takes_noise_out(
    weights: str, deviation: int, scenes: list[Image.Image]
) -> None:
    attack = PurifyLearned(deviation=deviation, weights=weights)
    for scene in scenes:
        noisy = Noise(deviation=deviation).apply(scene)
        before, after = (
            np.sqrt(((values(picture) - values(scene)) ** 2).mean())
            for picture in (noisy, attack.apply(noisy))
        )
        assert after < 0.65 * before


@pytest.mark.parametrize("weights", BUNDLED)
def test_told_of_little_noise_it_changes_little(weights: str, scenes: list[Image.Image]) -> None:
    for scene in scenes:
        purified = PurifyLearned(deviation=0.1, weights=weights).apply(scene)
        assert np.sqrt(((values(purified) - values(scene)) ** 2).mean()) < 3


@pytest.mark.parametrize("extent", [(64, 64), (65, 64), (64, 65), (1, 1), (97, 31)])
def test_pictures_of_any_extent_keep_it(extent: tuple[int, int]) -> None:
    picture = plain((9, 200, 30), width=extent[0], height=extent[1])
    assert PurifyLearned(deviation=8).apply(picture).size == extent


def test_the_same_picture_gives_the_same_pixels() -> None:
    attack = PurifyLearned(deviation=8)
    assert attack.apply(portrait()).tobytes() == attack.apply(portrait()).tobytes()


def test_the_bundled_weights_are_small() -> None:
    assert sum(bundled_weights(name).stat().st_size for name in BUNDLED) < 300_000
    assert sum(value.numel() for value in Denoiser().parameters()) < 100_000


def test_the_bundled_weights_differ() -> None:
    noisy = Noise(deviation=16).apply(portrait())
    first, second = (PurifyLearned(deviation=16, weights=name).apply(noisy) for name in BUNDLED)
    assert first.tobytes() != second.tobytes()


def test_own_weights_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    save_denoiser(Denoiser(), file)
    attack = PurifyLearned(deviation=8, weights=str(file))
    untrained = attack.apply(portrait())  # its last layer starts near zero
    assert np.abs(values(untrained) - values(portrait())).max() <= 20


def test_weights_are_written_and_read_back(tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        denoiser = Denoiser()
    save_denoiser(denoiser, file)
    read = load_denoiser(file).state_dict()
    for name, value in denoiser.state_dict().items():
        assert torch.equal(read[name], value.half().float())


def test_other_files_are_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.safetensors"
    save_file({"layers.0.weight": torch.zeros(2)}, wrong)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing")
    for file in (wrong, broken, tmp_path / "missing.safetensors"):
        with pytest.raises(UsageError, match=r"weights of a denoiser.*sif zoo purifier"):
            PurifyLearned(deviation=8, weights=str(file)).apply(plain((1, 2, 3)))
