import math

import pytest
import torch

from sif.eval.training.vision_objective import (
    BINS,
    PATCH_TARGET,
    WHOLE_TARGET,
    Heads,
    gradient_histograms,
    hide,
    loss_of,
    targets,
)


def wave(angle: float) -> torch.Tensor:
    """Stripes whose brightness changes along `angle`."""
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    along = math.cos(angle) * columns + math.sin(angle) * rows
    return (0.5 + 0.5 * torch.sin(along / 3)).expand(1, 3, -1, -1).clone()


@pytest.mark.parametrize("bin_", range(BINS))
def test_stripes_fall_into_the_bin_of_their_direction(bin_: int) -> None:
    histogram = gradient_histograms(wave(bin_ * math.pi / BINS))[0].sum((1, 2))
    assert histogram.argmax() == bin_
    assert histogram[bin_] > 0.8 * histogram.sum()


def test_a_direction_between_two_bins_is_split_between_them() -> None:
    histogram = gradient_histograms(wave(1.5 * math.pi / BINS))[0].sum((1, 2))
    assert set(histogram.topk(2).indices.tolist()) == {1, 2}


def test_histograms_do_not_depend_on_contrast() -> None:
    patches, whole = targets(wave(0.4))
    fainter, _ = targets(0.5 + 0.5 * (wave(0.4) - 0.5))
    assert patches.shape == (1, 16, PATCH_TARGET)
    assert whole.shape == (1, WHOLE_TARGET)
    edges = slice(0, 4 * BINS)
    assert torch.allclose(patches[..., edges], fainter[..., edges], atol=0.15)
    assert patches[..., edges].norm(dim=-1).mean() == pytest.approx(0.9, abs=0.1)


def test_hidden_patches_are_grey_and_others_whole() -> None:
    images = torch.rand(40, 3, 64, 64)
    seen = hide(images, 0.3, torch.Generator().manual_seed(0))
    grey = (seen == 0.5).all(1).float().unfold(1, 16, 16).unfold(2, 16, 16).mean((-1, -2))
    assert set(grey.unique().tolist()) == {0.0, 1.0}
    assert 0.2 < grey.mean() < 0.4
    assert torch.equal(seen[seen != 0.5], images[seen != 0.5])


def test_states_that_know_everything_leave_only_the_facts_to_learn() -> None:
    images = torch.rand(4, 3, 64, 64)
    patch, whole = targets(images)
    heads = Heads(WHOLE_TARGET + PATCH_TARGET)
    with torch.no_grad():
        for parameter in heads.parameters():
            parameter.zero_()
        heads.whole.weight[:, :WHOLE_TARGET] = torch.eye(WHOLE_TARGET)
        heads.patch.weight[:, WHOLE_TARGET:] = torch.eye(PATCH_TARGET)
    states = torch.zeros(4, 17, WHOLE_TARGET + PATCH_TARGET)
    states[:, 0, :WHOLE_TARGET] = whole
    states[:, 1:, WHOLE_TARGET:] = patch
    facts = torch.zeros(2, 9, 2, dtype=torch.long)
    expected = 0.5 * (math.log(7) + math.log(9))
    assert loss_of(states, heads, images, facts).item() == pytest.approx(expected, abs=1e-4)
