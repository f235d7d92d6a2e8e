import pytest
import torch
from torch import Tensor

from sif.fingerprint.robustness.image_transforms import ImageTransforms, noised, resized
from sif.fingerprint.robustness.term import StepContext, plain_gradient
from sif.vlm.model import Vlm


def picture(seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (255 * torch.rand(3, 24, 24, generator=generator)).round() / 255


def weights() -> Tensor:
    return torch.linspace(-1, 1, 3 * 24 * 24).view(3, 24, 24)


def loss(images: Tensor) -> Tensor:
    return (images * weights()).sum((1, 2, 3))


def context(step: int, *seeds: int) -> StepContext:
    return StepContext(Vlm(None, None, "none"), step, seeds)


def test_resizing_keeps_the_extent_and_blurs() -> None:
    image = picture()
    blurred = resized(image, 0.5)
    assert blurred.shape == image.shape
    assert blurred.std() < image.std()


def test_noise_stays_in_range_and_comes_from_its_generator() -> None:
    first, second = (noised(picture(), 0.2, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(first, second)
    assert 0 <= float(first.min()) <= float(first.max()) <= 1


def test_nothing_is_drawn_where_plain_is_certain() -> None:
    images = torch.stack([picture(), picture(1)])
    found = ImageTransforms(plain=1.0).around(plain_gradient(loss), context(3, 1, 2))(images)
    assert torch.equal(found.images, plain_gradient(loss)(images).images)


@pytest.mark.parametrize("step", range(6))
def test_what_is_drawn_for_a_trigger_does_not_depend_on_its_batch(step: int) -> None:
    images = torch.stack([picture(), picture(1)])
    term = ImageTransforms(plain=0.0)
    whole = term.around(plain_gradient(loss), context(step, 5, 9))(images)
    alone = term.around(plain_gradient(loss), context(step, 9))(images[1:])
    assert torch.allclose(whole.loss[1:], alone.loss, atol=1e-4)
    assert torch.allclose(whole.images[1:], alone.images, atol=1e-6)


def test_every_transform_is_drawn_and_lets_a_gradient_through() -> None:
    images = picture()[None]
    losses = set()
    for step in range(24):
        gradient = ImageTransforms().around(plain_gradient(loss), context(step, 0))(images)
        assert torch.isfinite(gradient.images).all()
        assert (gradient.images != 0).float().mean() > 0.5
        losses.add(round(float(gradient.loss), 4))
    assert len(losses) > 10


def test_a_loss_without_pixels_is_an_error() -> None:
    with pytest.raises(RuntimeError):
        plain_gradient(lambda images: torch.zeros(1, requires_grad=True) + 1)(picture()[None])
