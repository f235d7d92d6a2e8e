import pytest
import torch

from sif.marks.seeded import generator_at
from sif.marks.training_images import draw_look, show_clean
from tests.marks.small import pictures, tower


def test_looks_differ_and_stay_images() -> None:
    image = torch.rand(1, 3, 16, 20, generator=generator_at(1))
    looks = [draw_look(generator_at(0, number))(image) for number in range(40)]
    assert all(one.shape == image.shape and 0 <= one.min() <= one.max() <= 1 for one in looks)
    different = {tuple(one.flatten().tolist()) for one in looks}
    assert 10 <= len(different) <= 16


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_share_of_the_training_images_looks_different(share: float) -> None:
    vision = tower()
    ready = vision.pictures(pictures())
    plain = show_clean(vision, ready)
    shown = show_clean(vision, ready, looks=share, seed=3)
    changed = (shown.images != plain.images).flatten(1).any(1)
    number = round(share * len(ready))
    assert not changed[number:].any()
    assert changed[:number].float().mean() > 0.7 or not number
    with torch.no_grad():
        features = vision.features(shown.images)
    assert torch.allclose(shown.features, features.cpu(), atol=1e-4)


def test_every_drawn_image_and_patch_is_the_nearest_to_itself() -> None:
    vision = tower()
    shown = show_clean(vision, vision.pictures(pictures()))
    images, tokens = shown.classes(5, generator_at(0)), shown.token_classes(5, generator_at(0))
    assert images.shape == shown.features.shape[:1]
    assert tokens.shape == shown.tokens.shape[:2]
    assert set(images.tolist()) == set(tokens.flatten().tolist()) == set(range(5))
    centres = torch.stack([shown.tokens[tokens == label].mean(0) for label in range(5)])
    own = torch.stack(
        [(shown.tokens[tokens == k] - centres[k]).norm(dim=-1).mean() for k in range(5)]
    )
    other = torch.stack(
        [(shown.tokens[tokens == k] - centres[k - 1]).norm(dim=-1).mean() for k in range(5)]
    )
    assert (own < other).all()
