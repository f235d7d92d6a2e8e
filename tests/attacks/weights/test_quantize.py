from pathlib import Path

import pytest
import torch
from bitsandbytes import functional as bnb
from bitsandbytes.nn.modules import Linear4bit, Linear8bitLt

from sif.attacks.weights.attack import Workbench
from sif.attacks.weights.parts import linear_layers
from sif.attacks.weights.quantize import Quantize
from sif.vlm.folder import load_model, load_processor

KINDS = [
    Quantize(kind="int8"),
    Quantize(kind="nf4"),
    Quantize(kind="nf4", double=True),
]


def _attacked(attack: Quantize, folder: Path, scratch: Path) -> torch.nn.Module:
    model = load_model(folder)
    attack.apply(model, load_processor(folder), Workbench(scratch=scratch, device="cpu"))
    return model


def _dequantised(layer: torch.nn.Module) -> torch.Tensor:
    """What the layer computes with, from bitsandbytes' own functions."""
    weight = layer.weight
    if isinstance(layer, Linear8bitLt):
        return bnb.int8_vectorwise_dequant(weight.data, weight.SCB).to(torch.bfloat16)
    return bnb.dequantize_4bit(weight.data, weight.quant_state)


@pytest.mark.parametrize("attack", KINDS, ids=str)
def test_weights_become_what_bitsandbytes_computes_with(
    folder: Path, tmp_path: Path, attack: Quantize
) -> None:
    attacked = _attacked(attack, folder, tmp_path)
    quantised = attack.load(folder, attacked, device="cpu")
    for name, layer in quantised.named_modules():
        if isinstance(layer, Linear4bit | Linear8bitLt):
            assert torch.equal(attacked.get_submodule(name).weight, _dequantised(layer)), name


@pytest.mark.parametrize("attack", KINDS, ids=str)
def test_answers_are_those_of_the_quantised_model(
    folder: Path, tmp_path: Path, attack: Quantize
) -> None:
    attacked = _attacked(attack, folder, tmp_path)
    # In evaluation mode bitsandbytes packs 4-bit weights for the CPU, which needs widths in 64s.
    quantised = attack.load(folder, attacked, device="cpu").train()
    ids = {"input_ids": torch.arange(10, 40)[None], "attention_mask": torch.ones(1, 30).long()}
    with torch.no_grad():
        assert torch.equal(attacked(**ids).logits, quantised(**ids).logits)


@pytest.mark.parametrize("attack", KINDS, ids=str)
def test_only_the_output_head_is_kept(folder: Path, tmp_path: Path, attack: Quantize) -> None:
    before, after = load_model(folder), load_model(folder)
    bench = Workbench(scratch=tmp_path, device="cpu")
    facts = attack.apply(after, load_processor(folder), bench)
    assert facts == {"quantised_layers": len(linear_layers(before)), "kept_layers": ["lm_head"]}
    assert torch.equal(before.lm_head.weight, after.lm_head.weight)
    for old, new in zip(linear_layers(before).values(), linear_layers(after).values(), strict=True):
        assert not torch.equal(old.weight, new.weight)


def test_the_outlier_threshold_does_not_change_weights(
    untrained_llava: Path, tmp_path: Path
) -> None:
    first = _attacked(Quantize(kind="int8", threshold=6.0), untrained_llava, tmp_path)
    other = _attacked(Quantize(kind="int8", threshold=0.0), untrained_llava, tmp_path)
    for name, layer in linear_layers(first).items():
        assert torch.equal(layer.weight, other.get_submodule(name).weight)


def test_double_quantisation_changes_the_scales(untrained_llava: Path, tmp_path: Path) -> None:
    single = _attacked(Quantize(kind="nf4"), untrained_llava, tmp_path)
    double = _attacked(Quantize(kind="nf4", double=True), untrained_llava, tmp_path)
    layer = next(iter(linear_layers(single)))
    one, two = (model.get_submodule(layer).weight for model in (single, double))
    assert not torch.equal(one, two)
    torch.testing.assert_close(one, two, rtol=0.1, atol=0.002)


def test_nothing_is_left_on_the_bench(untrained_llava: Path, tmp_path: Path) -> None:
    _attacked(Quantize(kind="int8"), untrained_llava, tmp_path)
    assert not list(tmp_path.iterdir())
