from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForImageTextToText

from sif.attacks.weights.attack import Workbench
from sif.attacks.weights.drop_layers import DropLayers
from sif.attacks.weights.examples import Example
from sif.attacks.weights.quantize import Quantize
from sif.attacks.weights.theft import steal
from sif.errors import ModelError, UsageError
from sif.suspects.connect import connect
from sif.types import Answer, GenerationSettings, Query
from sif.vlm.folder import load_model


def _stack(folder: Path) -> torch.nn.ModuleList:
    model = AutoModelForImageTextToText.from_pretrained(folder)
    stack: torch.nn.ModuleList = model.get_decoder().layers
    return stack


@pytest.mark.parametrize(
    ("layers", "kept"), [(1, [0, 1, 3]), (3, [3]), ((3,), [0, 1, 2]), ((2, 0), [1, 3])], ids=str
)
def test_the_others_stay_in_their_order(
    folder: Path, tmp_path: Path, layers: int | tuple[int, ...], kept: list[int]
) -> None:
    steal(folder, tmp_path / "shallow", [DropLayers(layers=layers)])
    before, after = _stack(folder), _stack(tmp_path / "shallow")
    assert len(after) == len(kept)
    for new, index in zip(after, kept, strict=True):
        for name, weight in before[index].state_dict().items():
            assert torch.equal(new.state_dict()[name], weight)


def test_the_configuration_tells_the_new_depth(folder: Path, tmp_path: Path) -> None:
    steal(folder, tmp_path / "shallow", [DropLayers(layers=2)])
    config = AutoConfig.from_pretrained(tmp_path / "shallow").text_config
    assert config.num_hidden_layers == 2
    assert len(getattr(config, "layer_types", None) or [0, 0]) == 2
    before, after = (
        AutoConfig.from_pretrained(place).vision_config.to_dict() | {"dtype": None}
        for place in (folder, tmp_path / "shallow")
    )
    assert before == after


def test_kinds_of_layers_go_with_their_layers(untrained_qwen: Path, tmp_path: Path) -> None:
    model = load_model(untrained_qwen)
    config = model.get_decoder().config
    kinds = ["full_attention", "full_attention", "sliding_attention", "sliding_attention"]
    config.layer_types, config.max_window_layers = kinds, 2
    DropLayers(layers=(0, 3)).apply(model, None, Workbench(scratch=tmp_path))
    assert config.layer_types == ["full_attention", "sliding_attention"]
    assert (config.num_hidden_layers, config.max_window_layers) == (2, 1)


def test_a_shallow_copy_answers_and_a_saved_one_does_alike(
    folder: Path, tmp_path: Path, examples: list[Example]
) -> None:
    out = tmp_path / "shallow"
    steal(folder, out, [DropLayers(layers=(0, 2)), Quantize(kind="nf4")])
    settings = GenerationSettings(max_new_tokens=6)
    queries = [
        Query(trigger=str(index), image=one.picture(), prompt=one.prompt, generation=settings)
        for index, one in enumerate(examples[:2])
    ]
    replies = connect(f"hf:{out}?device=cpu").ask(queries)
    assert all(isinstance(reply, Answer) and reply.text for reply in replies), replies


def test_what_is_left_computes_in_memory_as_it_does_from_the_folder(
    folder: Path, tmp_path: Path
) -> None:
    """Words are generated with a cache: layers that kept their old places would write beside it."""
    model = load_model(folder)
    DropLayers(layers=(1,)).apply(model, None, Workbench(scratch=tmp_path))
    steal(folder, tmp_path / "shallow", [DropLayers(layers=(1,))])
    saved = load_model(tmp_path / "shallow")
    ids = {"input_ids": torch.arange(10, 30)[None], "attention_mask": torch.ones(1, 20).long()}
    with torch.no_grad():
        assert torch.equal(model(**ids).logits, saved(**ids).logits)
        words = [each.generate(**ids, max_new_tokens=5) for each in (model, saved)]
    assert torch.equal(*words)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (0, "expected 1 to 3 layers to drop of 4, got 0"),
        (4, "expected 1 to 3 layers to drop of 4, got 4"),
        (-1, "got -1"),
        ((), "got none"),
        ((1, 1), "got 1, 1"),
        ((0, 1, 2, 3), "not all, got 0, 1, 2, 3"),
        ((0, 4), "from 0 to 3, got 4"),
        ((-1, 0), "from 0 to 3, got -1"),
    ],
)
def test_layers_that_make_no_sense_are_refused(
    untrained_llava: Path, tmp_path: Path, layers: int | tuple[int, ...], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        steal(untrained_llava, tmp_path / "out", [DropLayers(layers=layers)])
    assert not list(tmp_path.iterdir())


def test_a_language_model_without_a_list_of_layers_is_refused(
    untrained_llava: Path, tmp_path: Path
) -> None:
    model = load_model(untrained_llava)
    model.get_decoder().layers = None
    with pytest.raises(ModelError, match="list of layers, got LlamaModel"):
        DropLayers(layers=1).apply(model, None, Workbench(scratch=tmp_path))
