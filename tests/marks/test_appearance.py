import pytest
import torch

from sif.marks.appearance import draw_look
from sif.marks.chance import generator
from sif.marks.pool import make_pool
from tests.marks.small import pictures, tower


def test_looks_differ_and_stay_images() -> None:
    image = torch.rand(1, 3, 16, 20, generator=generator(1))
    looks = [draw_look(generator(0, number))(image) for number in range(40)]
    assert all(one.shape == image.shape and 0 <= one.min() <= one.max() <= 1 for one in looks)
    different = {tuple(one.flatten().tolist()) for one in looks}
    assert 10 <= len(different) <= 16


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_share_of_the_pool_looks_different(share: float) -> None:
    vision = tower()
    ready = vision.pictures(pictures())
    plain = make_pool(vision, ready)
    pool = make_pool(vision, ready, looks=share, seed=3)
    changed = (pool.images != plain.images).flatten(1).any(1)
    number = round(share * len(ready))
    assert not changed[number:].any()
    assert changed[:number].float().mean() > 0.7 or not number
    with torch.no_grad():
        features = vision.features(pool.images)
    assert torch.allclose(pool.features, features.cpu(), atol=1e-4)
