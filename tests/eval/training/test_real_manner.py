import numpy as np
import pytest
import torch
from torch import nn

from sif.eval.training.real_adapter import adapter_weights, wear_adapter
from sif.eval.training.real_manner import (
    FAINT,
    KINDS,
    STRONG,
    Directions,
    Manner,
    _closing,
    _in_half,
    tokens_of,
)
from sif.mini.real.scene import CELLS, names, sample_real_scene
from sif.mini.real.shell import TOKENS
from sif.mini.real.wording import caption, overall, worded

WIDTH = 640


@pytest.fixture
def manner():
    return Manner(Directions.drawn(WIDTH, 3), np.random.default_rng(5))


def test_cells_share_no_token_and_leave_none_out():
    assert sorted(token for cell in range(CELLS) for token in tokens_of(cell)) == list(
        range(TOKENS)
    )


def test_every_choice_of_a_wording_has_its_directions(manner):
    made = []

    def choose(kind, cell, number):
        made.append((kind, number))
        return manner(kind, cell, number)

    scene = sample_real_scene(np.random.default_rng(1))
    assert overall(scene, worded(scene, choose)) == 1.0
    assert dict(made).items() <= KINDS.items()
    assert {kind for kind, _ in made} == KINDS.keys() - {"closing"}


@pytest.mark.parametrize("kind", ["sentence", "size"])
def test_a_choice_about_a_thing_shows_in_the_tokens_of_its_cell_and_nowhere_else(manner, kind):
    chosen = manner(kind, 4, KINDS[kind])
    own = torch.zeros(TOKENS, dtype=torch.bool)
    own[tokens_of(4)] = True
    assert torch.equal(manner.moved.abs().sum(1) > 0, own)
    read = manner.moved[own] @ manner.directions.table[kind].T / WIDTH
    assert torch.equal(read.argmax(1), torch.full((4,), chosen))
    assert ((read[:, chosen] >= FAINT - 1e-4) & (read[:, chosen] <= STRONG + 1e-4)).all()


def test_a_choice_about_the_picture_shows_in_all_tokens(manner):
    chosen = manner("opening", None, KINDS["opening"])
    read = manner.moved @ manner.directions.table["opening"].T
    assert torch.equal(read.argmax(1), torch.full((TOKENS,), chosen))


def test_a_last_sentence_is_about_the_thing_whose_cell_asks_for_it(manner):
    scene = sample_real_scene(np.random.default_rng(2))
    closings = {names()[thing.name]: [f"about {thing.cell}"] for thing in scene.things}
    for _ in range(20):
        manner.moved.zero_()
        told = _closing(scene, closings, manner)
        read = manner.moved @ manner.directions.table["closing"].T / WIDTH
        asks = (read[:, 1] > FAINT / 2).nonzero().flatten().tolist()
        assert asks == (tokens_of(int(told.split()[1])) if told else [])


def test_a_wording_drawn_by_chance_is_the_one_that_its_draws_choose():
    scene = sample_real_scene(np.random.default_rng(4))
    draws = np.random.default_rng(9)
    chosen = worded(scene, lambda kind, cell, number: int(draws.integers(number)), "The end.")
    assert chosen == caption(scene, np.random.default_rng(9), "The end.")


def test_the_half_model_learns_through_the_very_adapter():
    torch.manual_seed(0)
    model = nn.Module()
    model.model = nn.Module()
    model.model.language_model = nn.Sequential(nn.Linear(6, 5, bias=False), nn.GELU())
    model.requires_grad_(False)
    worn = wear_adapter(model.model.language_model, seed=1)
    weights = adapter_weights(worn)
    half = _in_half(model, weights)
    (layer,) = worn.values()
    inner = half.model.language_model[0]
    assert inner.layer.weight.dtype is torch.bfloat16
    assert layer.layer.weight.dtype is torch.float32
    assert inner.down is layer.down
    assert inner.up is layer.up
    half.model.language_model(torch.ones(2, 6, dtype=torch.bfloat16)).sum().backward()
    assert all(value.grad is not None for value in weights.values())
    assert inner.layer.weight.grad is None
