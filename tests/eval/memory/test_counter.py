"""The counter without values says what the real tensors take, and real sizes keep their promise."""

import gc
from pathlib import Path

import pytest
import torch
from torch import nn

from sif.eval.memory.counter import MemoryCounter
from sif.eval.memory.counting import Counted, count_step
from sif.eval.memory.shapes import SHAPES, build_shape
from sif.fingerprint.recipe import Recipe, load_recipe
from sif.vlm.model import Vlm

MIB = 2**20
GIB = 2**30


def test_what_is_alive_counts_once_and_what_is_gone_no_longer() -> None:
    with MemoryCounter(values=True) as counter:
        kept = torch.ones(MIB, dtype=torch.uint8)
        seen = kept.view(1024, 1024)[3:]
        assert counter.live == MIB
        lost = kept + 1
        del lost
        assert (counter.live, counter.peak) == (MIB, 2 * MIB)
        del kept
        assert counter.live == MIB
        del seen
    assert counter.live == 0


def test_what_the_backward_pass_waits_for_is_alive() -> None:
    leaf = torch.ones(MIB, requires_grad=True)
    with MemoryCounter(values=True) as counter:
        loss = leaf.exp().sum()
        assert counter.live == 4 * MIB + 4
        loss.backward()
        del loss
        gc.collect()
        assert counter.live == 4 * MIB  # the gradient
    assert counter.peak == 8 * MIB + 8


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
def test_masks_have_values_where_weights_have_none() -> None:
    counter, layer = MemoryCounter(values=False), nn.Linear(4, 3)
    counter.empty(layer)
    with counter:
        output = layer(torch.ones(5, 4))
        mask = torch.tensor([True, False, True, True, False])
        assert output[mask].shape == (3, 3)
        assert int(mask.sum()) == 3


def counted(folder: Path, *, values: bool, checkpointing: bool, recipe: Recipe) -> Counted:
    vlm = Vlm.load(folder, device="cpu")
    counter = MemoryCounter(values=values)
    if not values:
        counter.empty(vlm.model)
    counter.hold(vlm.model)
    return count_step(
        vlm,
        recipe,
        counter,
        picture=(72, 72),
        batch=2,
        checkpointing=checkpointing,
        step=0,
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_mini_models_step_takes_what_its_shapes_say(
    untrained_llava: Path, checkpointing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sif.vlm.worn.KEPT", 0)
    recipe = load_recipe("sif")
    real, shapes = (
        counted(untrained_llava, values=values, checkpointing=checkpointing, recipe=recipe)
        for values in (True, False)
    )
    assert real == shapes
    assert real.peak > real.model > 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
@pytest.mark.parametrize(
    ("model", "batch", "most"),
    [("llava-1.5-7b", 1, 20), ("llava-1.5-7b", 8, 40), ("qwen2.5-vl-7b", 8, 48)],
)
def test_seven_billion_parameters_fit_where_we_say(model: str, batch: int, most: int) -> None:
    """The default recipe without checkpointing, at the full depth; weights with noise."""
    counter = MemoryCounter(values=False)
    shape = next(shape for shape in SHAPES if shape.name == model)
    found = count_step(
        build_shape(shape, counter),
        load_recipe("sif"),
        counter,
        picture=shape.picture,
        batch=batch,
        checkpointing=False,
        step=1,
    )
    assert found.model > 13 * GIB
    assert found.peak < most * GIB
