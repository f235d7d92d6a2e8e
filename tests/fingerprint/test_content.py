import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from sif.errors import UsageError
from sif.fingerprint.content import ContentSpace, learn_content
from sif.fingerprint.optimize import Schedule, confine
from sif.vlm.pixels import to_tensor

TILE = 4
DIRECTIONS = np.linalg.qr(np.random.default_rng(0).normal(size=(48, 3)))[0].T


def pictures(number: int, *, seed: int = 1) -> list[Image.Image]:
    """Of 2 by 3 patches, each grey with random amounts of three fixed patterns, first the most."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(number):
        amounts = rng.normal(size=(2, 3, 3)) * [200, 100, 50]
        patches = 127 + amounts @ DIRECTIONS
        rows = patches.reshape(2, 3, 3, TILE, TILE).transpose(0, 3, 1, 4, 2).reshape(8, 12, 3)
        made.append(Image.fromarray(rows.clip(0, 255).round().astype(np.uint8)))
    return made


def content_of(change: Tensor) -> Tensor:
    """The amount of each pattern in every patch, found by slicing."""
    amounts = []
    for top in range(0, change.shape[-2], TILE):
        for left in range(0, change.shape[-1], TILE):
            patch = change[:, :, top : top + TILE, left : left + TILE].flatten(1)
            amounts.append(patch @ torch.from_numpy(DIRECTIONS.T.copy()).float())
    return torch.stack(amounts)


def test_the_components_are_the_directions_in_which_the_pictures_differ() -> None:
    space = learn_content(pictures(60), tile=TILE, share=0.99)
    assert space.basis.shape == (48, 3)
    overlap = torch.from_numpy(DIRECTIONS.copy()).float() @ space.basis
    assert torch.allclose(overlap.abs(), torch.eye(3), atol=0.05)


@pytest.mark.parametrize(("share", "number"), [(0.7, 1), (0.9, 2), (0.99, 3)])
def test_as_many_components_as_the_share_of_unseen_variance_needs(
    share: float, number: int
) -> None:
    assert learn_content(pictures(80), tile=TILE, share=share).basis.shape[1] == number


def test_what_is_removed_is_the_content_of_every_patch_and_nothing_else() -> None:
    space = learn_content(pictures(60), tile=TILE, share=0.99)
    exact = ContentSpace(torch.from_numpy(DIRECTIONS.T.copy()).float(), TILE)
    change = torch.randn(2, 3, 8, 12, generator=torch.Generator().manual_seed(3))
    kept = exact.removed_from(change)
    assert content_of(kept).abs().max() < 1e-5
    assert torch.allclose(exact.removed_from(kept), kept, atol=1e-5)
    assert torch.allclose((change - kept).square().sum(), content_of(change).square().sum())
    assert content_of(space.removed_from(change)).abs().max() < 0.2 * content_of(change).abs().max()


def test_too_few_pictures_say_how_much_they_explain() -> None:
    noise = [
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 12, 3), np.uint8))
        for seed in range(4)
    ]
    with pytest.raises(UsageError, match=r"99\.0% of the variance of unseen ones, got 4, which"):
        learn_content(noise, tile=TILE, share=0.99)
    with pytest.raises(UsageError, match=r"got 1, which explain 0\.0%"):
        learn_content(noise[:1], tile=TILE, share=0.5)


def test_pictures_without_a_whole_patch_are_refused() -> None:
    with pytest.raises(UsageError, match="whole patch of the model, 9 x 9, got 8 x 12"):
        learn_content(pictures(4), tile=9, share=0.5)


def test_the_margin_beyond_the_last_patch_is_left_as_it_is() -> None:
    exact = ContentSpace(torch.from_numpy(DIRECTIONS.T.copy()).float(), TILE)
    change = torch.randn(2, 3, 10, 15, generator=torch.Generator().manual_seed(3))
    kept = exact.removed_from(change)
    assert torch.equal(kept[..., :8, :12], exact.removed_from(change[..., :8, :12]))
    assert torch.equal(kept[..., 8:, :], change[..., 8:, :])
    assert torch.equal(kept[..., 12:], change[..., 12:])
    wider = [Image.fromarray(np.pad(picture, ((0, 2), (0, 3), (0, 0)))) for picture in pictures(8)]
    learnt = [learn_content(these, tile=TILE, share=0.7).basis for these in (pictures(8), wider)]
    assert torch.equal(*learnt)


def test_a_convolution_by_whole_patches_sees_no_margin() -> None:
    change = torch.zeros(1, 3, 10, 15)
    change[..., 8:, :] = change[..., 12:] = 1
    first_layer = torch.nn.Conv2d(3, 5, kernel_size=TILE, stride=TILE, bias=False)
    assert not first_layer(change).any()


def test_a_confined_change_keeps_out_of_the_content_and_within_the_budget() -> None:
    space = learn_content(pictures(60), tile=TILE, share=0.99)
    base = to_tensor(pictures(5, seed=9)).clamp(0.1, 0.9)
    sign = torch.randn(base.shape, generator=torch.Generator().manual_seed(5)).sign()
    schedule = Schedule(steps=1, epsilon=16 / 255, step_size=1 / 255, content=space)
    change = confine(base + 16 / 255 * sign, base, schedule) - base
    assert change.abs().max() <= 16 / 255 + 1e-6
    kept = space.removed_from(change)
    assert (change - kept).square().sum() < 0.01 * change.square().sum()
    assert change.square().sum() > 0.5 * (16 / 255 * sign).square().sum()
