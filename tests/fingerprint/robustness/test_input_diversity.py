from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sif.fingerprint.robustness.input_diversity import InputDiversity, resized_and_padded
from sif.fingerprint.robustness.term import StepContext, plain_gradient
from sif.vlm.model import Vlm


def picture(seed: int = 0, height: int = 24, width: int = 24) -> Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))


def loss(images: Tensor) -> Tensor:
    weights = torch.linspace(0.5, 1, images[0].numel()).view_as(images[0])
    return (images * weights).sum((1, 2, 3))


def context(step: int, *seeds: int) -> StepContext:
    return StepContext(Vlm(None, None, "none"), step, seeds)


def test_an_image_that_fills_its_canvas_stays_where_it_is() -> None:
    white = torch.ones(3, 24, 24)
    assert torch.allclose(resized_and_padded(white, 0.25, size=1.0, down=0.3, right=0.9), white)
    image = picture()
    assert torch.equal(resized_and_padded(image, 0.0, size=0.5, down=0.5, right=0.5), image)


@pytest.mark.parametrize(("size", "side"), [(0.0, 24), (0.5, 27), (1.0, 30)])
def test_a_white_image_covers_the_share_of_the_canvas_that_was_drawn(
    size: float, side: int
) -> None:
    found = resized_and_padded(torch.ones(3, 24, 24), 0.25, size=size, down=0.0, right=1.0)
    share = float(found.mean())
    assert share == pytest.approx((side / 30) ** 2, abs=0.02)
    assert found[0, 0, -1] == 1.0
    assert (found[0, -1, 0] == 0.0) == (side < 30)


@pytest.mark.parametrize(("height", "width"), [(24, 24), (24, 40), (336, 336)])
def test_the_extent_is_kept(height: int, width: int) -> None:
    image = picture(0, height, width)
    found = resized_and_padded(image, 30 / 336, size=0.4, down=0.2, right=0.7)
    assert found.shape == image.shape
    assert 0 <= float(found.min()) <= float(found.max()) <= 1


def test_nothing_changes_where_the_probability_is_zero() -> None:
    images = torch.stack([picture(), picture(1)])
    found = InputDiversity(probability=0.0).around(plain_gradient(loss), context(3, 1, 2))(images)
    assert torch.equal(found.images, plain_gradient(loss)(images).images)


def test_about_half_of_the_images_are_changed() -> None:
    seeds = tuple(range(200))
    images = picture()[None].expand(200, -1, -1, -1)
    found = InputDiversity(pixels=100).around(plain_gradient(loss), context(0, *seeds))(images)
    changed = (found.loss - loss(images)).abs() > 1e-3
    assert 0.4 < float(changed.float().mean()) < 0.6
    assert len(set(found.loss[changed].tolist())) > 30


@pytest.mark.parametrize("step", range(4))
def test_what_is_drawn_for_a_trigger_does_not_depend_on_its_batch(step: int) -> None:
    images = torch.stack([picture(), picture(1)])
    term = InputDiversity(probability=1.0)
    whole = term.around(plain_gradient(loss), context(step, 5, 9))(images)
    alone = term.around(plain_gradient(loss), context(step, 9))(images[1:])
    assert torch.allclose(whole.loss[1:], alone.loss, atol=1e-4)
    assert torch.allclose(whole.images[1:], alone.images, atol=1e-6)


def test_the_gradient_is_that_of_the_changed_images() -> None:
    term = InputDiversity(probability=1.0, pixels=100)
    images, direction = picture()[None], 1e-2 * picture(7)[None]
    found = term.around(plain_gradient(loss), context(0, 3))(images)
    ahead = term.around(plain_gradient(loss), context(0, 3))(images + direction)
    expected = float((ahead.loss - found.loss) / (found.images * direction).sum())
    assert expected == pytest.approx(1, abs=1e-3)


@pytest.fixture(params=["untrained_llava", "untrained_qwen"])
def vlm(request: pytest.FixtureRequest) -> Iterator[Vlm]:
    folder: Path = request.getfixturevalue(request.param)
    yield Vlm.load(folder, device="cpu")


def test_the_gradient_reaches_the_pixels_of_a_real_models_images(vlm: Vlm) -> None:
    images = torch.rand(2, 3, 72, 72, generator=torch.Generator().manual_seed(2))

    def surprise(batch: Tensor) -> Tensor:
        assert batch.shape == images.shape
        logits, _ids = vlm.answer_logits(batch, ["What is it?"] * 2, [[29, 30], [31, 32]])
        return logits.log_softmax(-1)[..., 40].sum(1)

    term = InputDiversity(probability=1.0)
    gradient = term.around(plain_gradient(surprise), StepContext(vlm, 0, (1, 2)))(images)
    assert torch.isfinite(gradient.images).all()
    assert ((gradient.images != 0).float().mean((1, 2, 3)) > 0.95).all()
