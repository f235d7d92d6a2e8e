"""A step is timed, its operations are counted as a hand would, and shapes are cut and built."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sif.errors import UsageError
from sif.eval.memory.counter import MemoryCounter
from sif.eval.memory.counting import made_up
from sif.eval.step.fitting import APART, MOST, Largest, largest
from sif.eval.step.machine import matrix_peak
from sif.eval.step.models import Plan, blocks, plan_of, without
from sif.eval.step.stepping import Pace, fingerprint_seconds, flop_counter, step
from sif.fingerprint.recipe import ParameterAscentRecipe, Recipe, load_recipe
from sif.vlm.model import Vlm

CPU = torch.device("cpu")
ROOT: Final = Path(__file__).parents[3]
M, N, K = 5, 7, 11


def short(**changes: object) -> Recipe:
    """The default recipe along answers of 12 tokens."""
    recipe = load_recipe("sif")
    brief = recipe.objective.model_copy(update={"answer_tokens": 12})
    return recipe.model_copy(update={"objective": brief, "robustness": (), **changes})


def counted_step(vlm: Vlm, recipe: Recipe, *, batch: int = 1) -> tuple[int, int]:
    """Operations and passes of a step."""
    taken = step(vlm, recipe, picture=(72, 72), batch=batch, checkpointing=False, steps=1)
    return int(taken.pace.flops), taken.passes


@pytest.mark.parametrize(("trained", "products"), [(False, 2), (True, 3)])
def test_a_linear_layer_takes_two_operations_for_each_product(trained: bool, products: int) -> None:
    layer = nn.Linear(K, N).requires_grad_(trained)
    with flop_counter() as counter:
        layer(torch.ones(M, K, requires_grad=True)).sum().backward()
    assert counter.get_total_flops() == products * 2 * M * N * K


def test_attention_counts_on_a_cpu_too() -> None:
    heads, wide = 3, 8
    query, key, value = (torch.ones(1, heads, M, wide, requires_grad=True) for _ in range(3))
    with flop_counter() as counter:
        F.scaled_dot_product_attention(query, key, value).sum().backward()
    assert counter.get_total_flops() == (2 + 5) * 2 * heads * M * M * wide


def test_a_layer_of_a_step_takes_what_a_hand_counts(untrained_llava: Path) -> None:
    vlm = plan_of(str(untrained_llava)).cut(2).build(dtype=torch.float32, device=CPU)
    recipe, batch = short(), 2
    deep, _ = counted_step(vlm, recipe, batch=batch)
    with without(blocks(vlm, language=True), 1):
        shallow, _ = counted_step(vlm, recipe, batch=batch)
    it, answers = made_up(vlm, recipe, picture=(72, 72), batch=batch)
    positions = vlm.answer_inputs(it.base, it.prompts, answers)[0]["input_ids"].shape[1]
    weights = sum(m.weight.numel() for m in vlm.layers[-1].modules() if isinstance(m, nn.Linear))
    hidden = vlm.model.config.text_config.hidden_size
    linear = 2 * 2 * batch * positions * weights  # forward, and backward to what went in
    attention = (2 + 5) * 2 * batch * positions**2 * hidden
    assert deep - shallow == linear + attention


def test_a_recipe_that_ascends_first_takes_two_passes(untrained_qwen: Path) -> None:
    vlm = plan_of(str(untrained_qwen)).cut(1).build(dtype=torch.float32, device=CPU)
    once, one = counted_step(vlm, short())
    twice, two = counted_step(vlm, short(robustness=(ParameterAscentRecipe(),)))
    assert (one, two) == (1, 2)
    assert twice > 1.9 * once


def test_blocks_that_were_left_out_come_back(untrained_qwen: Path) -> None:
    vlm = plan_of(str(untrained_qwen)).build(dtype=torch.bfloat16, device=CPU)
    before = [*vlm.layers]
    towers = blocks(vlm, language=False)
    assert [len(it) for it in towers] == [4]
    with pytest.raises(KeyError), without(blocks(vlm, language=True), 3):
        assert len(vlm.layers) == 1
        raise KeyError
    assert [*map(id, vlm.layers)] == [*map(id, before)]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_model_is_drawn_in_its_precision_and_never_larger(
    untrained_llava: Path, dtype: torch.dtype
) -> None:
    plan = plan_of(str(untrained_llava)).cut(3)
    with MemoryCounter(values=True) as counter:
        vlm = plan.build(dtype=dtype, device=CPU)
    weights = sum(it.nbytes for it in vlm.model.parameters())
    assert {it.dtype for it in vlm.model.parameters()} == {dtype}
    assert counter.peak < 1.1 * weights
    assert plan.depth == (3, 3)
    assert len(vlm.layers) == 3


def test_a_cut_keeps_the_whole_plan(untrained_qwen: Path) -> None:
    plan = plan_of(str(untrained_qwen))
    cut = plan.cut(2)
    assert (plan.depth, cut.depth) == ((4, 4), (2, 2))
    assert len(cut.config.text_config.layer_types) == 2
    assert plan.cut(None) is plan
    with pytest.raises(UsageError, match=r"expected 1 to 4, which .* has, got 5"):
        plan.cut(5)


@pytest.mark.parametrize(
    ("name", "depth", "billions"),
    [
        ("llava-1.5-7b", (32, 24), 7.06),
        ("qwen2.5-vl-7b", (28, 32), 8.29),
        ("qwen2.5-vl-72b", (80, 32), 73.4),
    ],
)
def test_shapes_are_those_of_the_releases(
    name: str, depth: tuple[int, int], billions: float
) -> None:
    plan = plan_of(name)
    assert plan.depth == depth
    one, two = (_parameters(plan.cut(layers)) for layers in (1, 2))
    tower = _tower_block(plan)
    left = (depth[0] - 2) * (two - one - tower) + (depth[1] - 2) * tower
    assert (two + left) / 1e9 == pytest.approx(billions, rel=0.005)


def _parameters(plan: Plan) -> int:
    vlm = plan.build(dtype=torch.bfloat16, device=torch.device("meta"))
    return sum(it.numel() for it in vlm.model.parameters())


def _tower_block(plan: Plan) -> int:
    vlm = plan.cut(1).build(dtype=torch.bfloat16, device=torch.device("meta"))
    (block,) = blocks(vlm, language=False)[0]
    return sum(it.numel() for it in block.parameters())


def test_an_unknown_shape_names_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"llava-1.5-7b, qwen2.5-vl-7b, qwen2.5-vl-72b, or a mod"):
        plan_of("llava-1.5-13b")


@pytest.mark.parametrize(
    ("fixed", "each", "bend", "room", "batch"),
    [
        (10, 5, 0.0, 14, 0),
        (10, 5, 0.0, 15, 1),
        (10, 5, 0.0, 39, 5),
        (10, 5, 0.0, 112, 20),
        (10, 5, 0.4, 112, 15),
        (10, 1, 0.0, 10**6, MOST),
    ],
)
def test_the_largest_batch_is_counted_not_guessed(
    fixed: int, each: int, bend: float, room: int, batch: int
) -> None:
    asked = []

    def peak(triggers: int) -> int:
        asked.append(triggers)
        return int(fixed + each * triggers + bend * max(0, triggers - APART) ** 2)

    found = largest(room, peak)
    assert found == Largest(batch, peak(max(1, batch)))
    assert batch in (0, MOST) or peak(batch) <= room
    assert len(asked) < 14


def test_a_fingerprint_is_steps_answers_and_measuring() -> None:
    pace = Pace(step=9.0, mean_step=1.0, teacher=2.0, prefill=3.0, token=0.5, flops=1.0)
    recipe = load_recipe("sif")  # 80 steps, answers of 128 tokens again every 20
    answer, measured = 3 + 127 * 0.5, 3 + 159 * 0.5
    once = 80 * 1.0 + 4 * (answer + 2.0) + 3 * measured
    assert fingerprint_seconds(pace, recipe, triggers=8, batch=8) == once
    assert fingerprint_seconds(pace, recipe, triggers=30, batch=8) == 4 * once
    published = load_recipe("sif-release")  # one answer, measured every 100 of 500 steps
    answer = 3 + (published.objective.answer_tokens - 1) * 0.5
    measured = answer + 32 * 0.5
    assert fingerprint_seconds(pace, published, triggers=1, batch=1) == (
        500 * 1.0 + answer + 2.0 + (5 + 3) * measured
    )


WATER: Final = """
import torch
from sif.eval.step.machine import HighWater

water = HighWater(torch.device("cpu"))
water.set_back()
block = torch.ones(2**28, dtype=torch.uint8)
del block
peak = water.peak()
water.set_back()
print(peak, water.peak())
"""


@pytest.mark.slow
def test_the_high_water_is_what_was_there_at_most() -> None:
    ended = subprocess.run(  # a process in which nothing else comes and goes
        [sys.executable, "-c", WATER],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    peak, after = map(int, ended.stdout.split())
    assert 0.95 * 2**28 < peak < 1.3 * 2**28  # the kernel counts a little late
    assert after < 2**27


def test_a_machine_has_a_matrix_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sif.eval.step.machine.LONG", 0.0)
    assert matrix_peak(CPU, torch.float32) > 1e8
