import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from sif.fingerprint.robustness.jpeg import encode, jpeg


def picture(seed: int = 0, height: int = 24, width: int = 24) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (255 * torch.rand(3, height, width, generator=generator)).round() / 255


def wave(rows: int, columns: int) -> Tensor:
    """A cosine of 24 x 24 pixels, the same in every block of 8, in all three channels alike."""
    place = torch.arange(24.0) + 0.5
    down, right = torch.cos(np.pi * place * rows / 8), torch.cos(np.pi * place * columns / 8)
    return (down[:, None] * right).expand(3, -1, -1)


def gain(direction: Tensor, quality: int, image: Tensor) -> float:
    """What the gradient lets through of a direction, 1 for all of it."""
    leaf = image.clone().requires_grad_()
    (slope,) = torch.autograd.grad((jpeg(leaf, quality) * direction).sum(), leaf)
    return float((slope * direction).sum() / direction.square().sum())


@pytest.mark.parametrize("extent", [(24, 24), (17, 30)])
def test_forwards_it_is_pillows_round_trip(extent: tuple[int, int]) -> None:
    image = picture(0, *extent)
    pixels = (255 * image).round().to(torch.uint8).permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=60)
    expected = np.asarray(Image.open(buffer)).astype(np.float32) / 255
    found = jpeg(image.clone().requires_grad_(), 60)
    assert np.allclose(found.detach().permute(1, 2, 0).numpy(), expected, atol=1e-6)
    found.sum().backward()


def test_the_step_sizes_are_those_of_the_standard_at_quality_50() -> None:
    light, colour = encode(picture(), 50).steps
    assert light[0].tolist() == [16, 11, 10, 16, 24, 40, 51, 61]
    assert light[7].tolist() == [72, 92, 95, 98, 112, 100, 103, 99]
    assert colour[0].tolist() == [17, 18, 24, 47, 99, 99, 99, 99]


def test_low_frequencies_pass_backwards_and_high_ones_hardly() -> None:
    grey = torch.full((3, 24, 24), 0.5)
    low, high = gain(wave(0, 1), 50, grey), gain(wave(7, 7), 50, grey)
    assert low == pytest.approx(1 / (1 + (11 / 16) ** 2), rel=1e-4)
    assert high == pytest.approx(1 / (1 + (99 / 16) ** 2), rel=1e-4)


def test_what_the_encoder_keeps_passes_whole() -> None:
    strong = 0.5 + 0.3 * wave(7, 7)
    assert gain(wave(7, 7), 50, strong) == pytest.approx(1.0, rel=1e-4)


def test_fine_colour_is_lost_to_the_halving() -> None:
    checks = torch.tensor([1.0, -1.0]).repeat(12)[None].expand(24, -1)
    colour = torch.stack([checks, torch.zeros(24, 24), -checks])
    coarse = torch.stack([wave(0, 1)[0], torch.zeros(24, 24), -wave(0, 1)[0]])
    grey = torch.full((3, 24, 24), 0.5)
    assert gain(colour, 90, grey) < 0.3 * gain(coarse, 90, grey)


def test_the_gradient_leads_to_a_picture_that_survives() -> None:
    """Sign steps along the gated gradient reach further behind JPEG than plain ones."""
    base, goal = picture(3), picture(4) - 0.5

    def reach(gated: bool) -> float:
        image = base.clone()
        for _ in range(20):
            leaf = image.clone().requires_grad_()
            seen = jpeg(leaf, 40)
            if not gated:
                seen = leaf + (seen - leaf).detach()
            (slope,) = torch.autograd.grad((seen * goal).sum(), leaf)
            image = (image + slope.sign() / 255).clamp(base - 8 / 255, base + 8 / 255).clamp(0, 1)
        return float((jpeg(image, 40) * goal).sum())

    assert reach(True) > reach(False)
