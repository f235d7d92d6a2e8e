"""Real folders: bundled models, their copies, a disguised one, and what cannot be compared."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import OPTConfig, OPTForCausalLM

from sif.errors import ModelError
from sif.lineage.compare import compare, compare_folders
from sif.lineage.portrait import COMMON, RARE, portrait
from sif.mini.catalogue import find
from sif.mini.folders import export
from sif.mini.vision.catalogue import find_vision
from sif.mini.vision.folders import export_vision
from sif.vlm.folder import load_model, load_processor, save_model
from tests.cli.command import Run, assert_one_line
from tests.lineage.disguise import disguise


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lineage") / "llava-source"
    export(find("llava-source"), folder)
    return folder


def saved(model: object, source: Path, folder: Path) -> Path:
    save_model(model, load_processor(source), folder)
    return folder


def test_a_disguised_copy_says_the_same_and_is_found(llava: Path, tmp_path: Path) -> None:
    model, plain = load_model(llava).float(), load_model(llava).float()
    disguise(model, seed=5)
    ids = torch.randint(10, 400, (2, 9), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(model(input_ids=ids).logits, plain(input_ids=ids).logits, atol=1e-3)
    mine, theirs = (
        each.get_decoder().layers[0].mlp.up_proj.weight.flatten() for each in (plain, model)
    )
    assert torch.cosine_similarity(mine, theirs, dim=0).abs() < 0.1
    [found] = compare_folders(llava, [saved(model, llava, tmp_path / "disguised")])
    for part in found.parts:
        assert part.reading == "one origin", part
        assert part.likeness == pytest.approx(1, abs=1e-3)


def test_numbers_over_rare_words_hide_no_copy(llava: Path, tmp_path: Path) -> None:
    """A thief's rows of words that nobody says: the model answers all other words as before."""
    model, plain = load_model(llava).float(), load_model(llava).float()
    rare = portrait(llava).parts["language"][RARE].probes
    known = load_processor(llava).tokenizer.get_vocab()
    over = [known[word] for word in rare]
    table = model.get_input_embeddings().weight
    assert table is not model.get_output_embeddings().weight
    with torch.no_grad():
        table[over] = 3 * torch.randn(len(over), table.shape[1])
        ids = torch.tensor([[index for index in range(10, 300) if index not in over][:9]])
        assert torch.equal(model(input_ids=ids).logits, plain(input_ids=ids).logits)
    [found] = compare_folders(llava, [saved(model, llava, tmp_path / "over")])
    language = found.parts[0]
    assert language.views[RARE] < 0.2
    assert language.views[COMMON] == pytest.approx(1, abs=1e-3)
    assert (language.likeness, language.reading) == (language.views[COMMON], "one origin")


def test_what_frames_of_a_still_picture_cancel_hides_no_tower(
    untrained_qwen: Path, tmp_path: Path
) -> None:
    """Qwen's patches are of two frames, and a still picture is the same frame twice."""
    model = load_model(untrained_qwen).float()
    embed = next(it for it in model.modules() if isinstance(it, torch.nn.Conv3d))
    frames = embed.weight.shape[2]
    assert frames == 2
    still = torch.randn(1, 3, 1, *embed.weight.shape[3:]).repeat(1, 1, frames, 1, 1)
    with torch.no_grad():
        before = embed(still)
        moved = 5 * torch.randn_like(embed.weight[:, :, 0])
        embed.weight[:, :, 0] += moved
        embed.weight[:, :, 1] -= moved
        assert torch.allclose(embed(still), before, atol=1e-3)
    [found] = compare_folders(untrained_qwen, [saved(model, untrained_qwen, tmp_path / "frames")])
    vision = found.parts[1]
    assert vision.likeness == pytest.approx(1, abs=1e-3)


def test_a_model_without_some_blocks_is_found(llava: Path, tmp_path: Path) -> None:
    model = load_model(llava)
    layers = model.get_decoder().layers
    del layers[1]
    model.config.text_config.num_hidden_layers = len(layers)
    for index, block in enumerate(layers):
        block.self_attn.layer_idx = index
    [found] = compare_folders(llava, [saved(model, llava, tmp_path / "short")])
    language = found.parts[0]
    assert language.blocks == (4, 3)
    assert language.likeness == pytest.approx(1, abs=1e-3)


def test_a_model_of_nothing_but_zeros_is_not_compared(llava: Path, tmp_path: Path) -> None:
    model = load_model(llava)
    with torch.no_grad():
        for weights in model.parameters():
            weights.zero_()
    [found] = compare_folders(llava, [saved(model, llava, tmp_path / "zeros")])
    assert found.parts
    for part in found.parts:
        assert (part.likeness, part.reading) == (None, "not comparable")
        assert "neither constant nor beyond" in part.reason


def test_embeddings_of_another_width_than_the_blocks_are_refused_in_words(
    llava: Path, tmp_path: Path
) -> None:
    size = json.loads((llava / "config.json").read_text())["text_config"]["vocab_size"]
    config = OPTConfig(
        num_attention_heads=4,
        vocab_size=size,
        hidden_size=64,
        ffn_dim=96,
        num_hidden_layers=2,
        word_embed_proj_dim=32,
    )
    OPTForCausalLM(config).save_pretrained(tmp_path / "opt")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(llava / name, tmp_path / "opt" / name)
    with pytest.raises(ModelError, match="nothing to compare it by"):
        portrait(tmp_path / "opt")


@pytest.mark.slow
@pytest.mark.parametrize("family", ["llava", "qwen"])
def test_siblings_and_strangers_are_not_taken_for_copies(family: str, tmp_path: Path) -> None:
    names = [f"{family}-{role}" for role in ("source", "sibling", "stranger-a", "stranger-c")]
    for name in names:
        export(find(name), tmp_path / name)
    source, *others = [tmp_path / name for name in names]
    for found in compare_folders(source, others):
        assert [part.part for part in found.parts] == ["language", "vision"]
        for part in found.parts:
            assert part.reading == "no common origin seen", (found.other, part)


def test_a_vision_model_is_compared_by_its_tower(tmp_path: Path) -> None:
    for name in ("dino-source", "dino-sibling"):
        export_vision(find_vision(name), tmp_path / name)
    source = portrait(tmp_path / "dino-source")
    assert set(source.parts) == {"vision"}
    assert compare(source, source).parts[0].likeness == pytest.approx(1)
    other = compare(source, portrait(tmp_path / "dino-sibling")).parts[0]
    assert other.reading == "no common origin seen"


def test_what_cannot_be_compared_is_said(
    llava: Path, untrained_qwen: Path, sif: Run, tmp_path: Path
) -> None:
    code, said, _ = sif("lineage", llava, untrained_qwen, "--json")
    assert code == 0
    [found] = json.loads(said)
    by_part = {part["part"]: part for part in found["parts"]}
    assert by_part["vision"]["likeness"] is None
    assert "in common" in by_part["vision"]["reason"]
    code, said, _ = sif("lineage", llava, llava)
    assert code == 0
    assert "one origin" in said
    code, _, error = sif("lineage", llava, tmp_path)
    assert code == 1
    assert_one_line(error, "config.json")
    code, _, error = sif("lineage", llava)
    assert code == 2


def test_a_language_model_is_compared_with_the_one_inside(llava: Path, tmp_path: Path) -> None:
    from transformers import LlamaForCausalLM

    model = load_model(llava)
    inner = LlamaForCausalLM(model.config.text_config).to(model.dtype)
    inner.model.load_state_dict(model.get_decoder().state_dict())
    inner.lm_head.load_state_dict(model.lm_head.state_dict())
    inner.save_pretrained(tmp_path / "words")
    load_processor(llava).tokenizer.save_pretrained(tmp_path / "words")
    [found] = compare_folders(llava, [tmp_path / "words"])
    language, vision = found.parts
    assert language.likeness == pytest.approx(1)
    assert "none that can be read" in vision.reason
