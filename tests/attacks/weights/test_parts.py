from pathlib import Path

import pytest
from torch import Tensor, nn

from sif.attacks.weights.parts import (
    adaptable_layers,
    language_layers,
    language_parameters,
    linear_layers,
    refuse_rank,
)
from sif.errors import ModelError, UsageError
from sif.vlm.folder import load_model


def test_language_layers_are_attention_and_feed_forward_of_the_language_model(folder: Path) -> None:
    names = {name.rpartition(".")[2] for name in language_layers(load_model(folder))}
    assert names == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def test_nothing_of_the_vision_part_counts_as_language(folder: Path) -> None:
    model = load_model(folder)
    names = [*language_layers(model), *language_parameters(model)]
    assert names
    assert not [name for name in names if "vis" in name or "projector" in name]


def test_all_linear_layers_but_the_output_head_are_found(folder: Path) -> None:
    model = load_model(folder)
    every = {name for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    assert every - set(linear_layers(model)) == {"lm_head"}


class Router(nn.Linear):
    """A linear layer with a choice behind, as mixtures of experts have it."""

    def forward(self, input: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        scores = super().forward(input)
        return scores, scores.argmax(-1)


def test_adapters_stand_beside_plain_and_quantised_layers_and_not_beside_routers() -> None:
    bitsandbytes = pytest.importorskip("bitsandbytes")
    layers = {
        "plain": nn.Linear(4, 4),
        "router": Router(4, 4),
        "quantised": bitsandbytes.nn.Linear4bit(4, 4),
    }
    assert adaptable_layers(layers) == ["plain", "quantised"]


def test_a_model_without_a_language_part_is_refused(folder: Path) -> None:
    language_model = load_model(folder).get_decoder()
    language_model.get_output_embeddings = lambda: None
    with pytest.raises(ModelError, match="keeps its language model apart"):
        language_layers(language_model)


def test_an_adapter_is_no_larger_than_what_it_stands_beside() -> None:
    layers = [nn.Linear(4, 9), nn.Linear(6, 8)]
    refuse_rank(6, layers)
    with pytest.raises(UsageError, match=r"a rank of at most 6.*got 7"):
        refuse_rank(7, layers)
