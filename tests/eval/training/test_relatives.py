"""Relatives start with exactly the named part of the source, and learn on from there."""

from typing import Any

import pytest
import torch

from sif.eval.training.captions import Progress
from sif.eval.training.relatives import Share, graft, raise_relative, shares
from sif.mini.architecture import Family
from sif.mini.catalogue import MODELS, Model
from sif.mini.folders import build

FAMILIES: tuple[Family, ...] = ("llava", "qwen2_5_vl")
# What starts anew: how the names of its parameters begin.
LAYERS = tuple(f"model.language_model.layers.{number}." for number in range(4))
HEAD = ("model.language_model.norm.", "lm_head.")
LOWEST = "model.language_model.embed_tokens."
FRESH: dict[Share, tuple[str, ...]] = {
    "tower": ("model.multi_modal_projector.", LOWEST, *LAYERS, *HEAD),
    "tower-projector": (LOWEST, *LAYERS, *HEAD),
    "lower-half": (*LAYERS[2:], *HEAD),
    "all-but-last": (*LAYERS[3:], *HEAD),
}


def _source(family: Family) -> Model:
    return next(m for m in MODELS if m.family == family and m.role == "source")


def _weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.detach().float() for name, value in model.named_parameters()}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_named_part_is_the_sources_bit_for_bit_and_nothing_else_is(family: Family) -> None:
    model = _source(family)
    source, _ = build(model)
    theirs = _weights(source)
    for share in shares(family):
        relative, size = graft(source, model=model, share=share)
        ours = _weights(relative)
        assert ours.keys() == theirs.keys()
        same = {name for name, value in ours.items() if torch.equal(value, theirs[name])}
        assert same == {name for name in theirs if not name.startswith(FRESH[share])}
        assert size.shared == sum(theirs[name].numel() for name in same)
        assert size.parameters == sum(value.numel() for value in theirs.values())


def test_a_qwens_head_is_shared_with_its_embeddings() -> None:
    model = _source("qwen2_5_vl")
    source, _ = build(model)
    relative, _ = graft(source, model=model, share="lower-half")
    assert torch.equal(relative.lm_head.weight, source.lm_head.weight.float())


@pytest.mark.parametrize("family", FAMILIES)
def test_shares_grow(family: Family) -> None:
    model = _source(family)
    source, _ = build(model)
    sizes = [graft(source, model=model, share=share)[1] for share in shares(family)]
    shared = [size.shared for size in sizes]
    assert sorted(set(shared)) == shared
    assert 0 < shared[0] < shared[-1] < sizes[0].parameters


@pytest.mark.parametrize(
    ("share", "stages"), [("tower", ["heads", "captions"]), ("all-but-last", ["captions"])]
)
def test_what_was_taken_over_learns_on_and_the_source_stays(
    share: Share, stages: list[str]
) -> None:
    model = _source("llava")
    source, processor = build(model)
    before = _weights(source)
    told: list[Progress] = []
    relative, _ = raise_relative(
        source, processor, model=model, share=share, steps=1, report=told.append
    )
    assert [progress.stage for progress in told] == stages
    name = "model.vision_tower.encoder.layers.0.mlp.fc1.weight"
    assert not torch.equal(_weights(relative)[name], before[name])
    assert all(torch.equal(value, before[key]) for key, value in _weights(source).items())
    again, _ = raise_relative(source, processor, model=model, share=share, steps=1, report=print)
    assert all(
        torch.equal(value, _weights(relative)[key]) for key, value in _weights(again).items()
    )
