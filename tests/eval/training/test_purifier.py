import pytest
import torch
from PIL import Image

from sif.errors import UsageError
from sif.eval.training.purifier import (
    PurifierTraining,
    gaussian,
    mini_world_pictures,
    out_of_content,
    train_purifier,
)
from sif.fingerprint.content import learn_content
from sif.vlm.pixels import to_tensor


@pytest.fixture(scope="module")
def scenes() -> list[Image.Image]:
    return mini_world_pictures(number=80, seed=907)


def _ignore(step: int, steps: int, loss: float) -> None:
    pass


def test_noise_out_of_content_is_bounded_and_hardly_within_content(
    scenes: list[Image.Image],
) -> None:
    content = learn_content(scenes, tile=12, share=0.9)
    clean = to_tensor(scenes[:8])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        noise = out_of_content(clean, content)
    assert 3 / 255 * 0.9 < noise.abs().max() <= 20 / 255
    within = noise - content.removed_from(noise)
    assert within.norm() < 0.2 * noise.norm()


def test_gaussian_noise_is_of_many_strengths(scenes: list[Image.Image]) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        strengths = gaussian(to_tensor(scenes[:32])).std((1, 2, 3))
    assert strengths.max() < 31 / 255
    assert strengths.min() < 5 / 255
    assert strengths.max() > 20 / 255


def test_the_same_settings_give_the_same_weights(scenes: list[Image.Image]) -> None:
    settings = PurifierTraining(noise="gaussian", steps=2, batch=2)
    first, second = (
        train_purifier(scenes, settings, report=_ignore).state_dict() for _ in range(2)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = PurifierTraining(noise="gaussian", steps=2, batch=2, seed=1)
    third = train_purifier(scenes, other, report=_ignore).state_dict()
    assert any(not torch.equal(first[name], third[name]) for name in first)


def test_a_short_training_begins_to_take_noise_out(scenes: list[Image.Image]) -> None:
    settings = PurifierTraining(noise="gaussian", steps=60, batch=4)
    denoiser = train_purifier(scenes, settings, report=_ignore)
    clean = to_tensor(scenes[:4])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        noise = 16 / 255 * torch.randn_like(clean)
    with torch.inference_mode():
        left = denoiser(clean + noise, torch.full((4,), 16 / 255)) - clean
    assert left.norm() < 0.99 * noise.norm()


def test_pictures_that_are_too_small_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 48 pixels"):
        train_purifier([Image.new("RGB", (47, 90))], PurifierTraining(), report=_ignore)
    settings = PurifierTraining(tiles=(14,))
    with pytest.raises(UsageError, match="at least 56 pixels"):
        train_purifier([Image.new("RGB", (55, 90))], settings, report=_ignore)
    with pytest.raises(UsageError, match="got 0"):
        train_purifier([], PurifierTraining(), report=_ignore)
