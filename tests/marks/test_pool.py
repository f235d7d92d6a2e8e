import torch

from sif.marks.chance import generator
from sif.marks.pool import make_pool
from tests.marks.small import pictures, tower


def test_every_drawn_image_and_patch_is_the_nearest_to_itself() -> None:
    vision = tower()
    pool = make_pool(vision, vision.pictures(pictures()))
    images, tokens = pool.classes(5, generator(0)), pool.token_classes(5, generator(0))
    assert images.shape == pool.features.shape[:1]
    assert tokens.shape == pool.tokens.shape[:2]
    assert set(images.tolist()) == set(tokens.flatten().tolist()) == set(range(5))
    centres = torch.stack([pool.tokens[tokens == label].mean(0) for label in range(5)])
    own = torch.stack(
        [(pool.tokens[tokens == k] - centres[k]).norm(dim=-1).mean() for k in range(5)]
    )
    other = torch.stack(
        [(pool.tokens[tokens == k] - centres[k - 1]).norm(dim=-1).mean() for k in range(5)]
    )
    assert (own < other).all()
