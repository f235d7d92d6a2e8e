"""Towers of every build: stages, maps, tiles, grids, packed patches, masks. `tools/towers.py` tries
every architecture; here stand those that differ in how they see."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sif.errors import ModelError
from sif.marks.pixel_values import make_inputs, own_extent
from sif.marks.seeing import channels_in_front
from sif.marks.trial import try_tower
from sif.marks.vision_model import VisionModel, is_lvlm
from tests.cli.command import Run, assert_one_line
from tests.marks.climbing import WORKS, climb
from tests.marks.ladder import Rung, rungs, tiny, write
from tests.marks.small import pictures

pytestmark = pytest.mark.filterwarnings("ignore:.hidden_state. is deprecated:FutureWarning")
RUNGS = {rung.kind: rung for rung in rungs()}
ALONE = (
    "clip",
    "convnext",
    "dinov3_convnext",
    "dinov3_vit",
    "ijepa",
    "pixtral",
    "sam_vision_model",
    "siglip2_vision_model",
    "swin",
    "vit_mae",
    "vitdet",
)
INSIDE = (
    "glm4v",
    "idefics3",
    "lfm2_vl",
    "llama4",
    "llava_next",
    "llava_onevision",
    "mllama",
    "qwen2_vl",
    "qwen3_vl",
)


@pytest.fixture(scope="module", params=[*ALONE, *INSIDE])
def vision(request: pytest.FixtureRequest) -> VisionModel:
    return VisionModel.wrap(*tiny(RUNGS[request.param]), source=request.param)


def images(vision: VisionModel, number: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(number, 3, *vision.extent, generator=generator)


def test_every_block_is_seen_in_its_own_width(vision: VisionModel) -> None:
    seen = vision.run(vision.prepare(images(vision)))
    assert tuple(hidden.shape[-1] for hidden in seen.hidden) == vision.tower.widths
    assert all(hidden.ndim == 3 and len(hidden) == 3 for hidden in seen.hidden)
    assert len(seen.hidden) >= 3 and len(seen.features) == len(seen.tokens) == 3


def test_pictures_do_not_see_one_another(vision: VisionModel) -> None:
    pixels = images(vision).requires_grad_()
    (slope,) = torch.autograd.grad(vision.features(pixels)[1, :5].square().sum(), pixels)
    assert slope[1].abs().max() > 0 and slope[0].abs().max() == slope[2].abs().max() == 0


def test_an_edit_replaces_what_the_next_block_sees(vision: VisionModel) -> None:
    inputs = vision.prepare(images(vision))
    plain = vision.run(inputs)
    same = vision.run(inputs, edits={1: lambda hidden: hidden.clone()})
    other = vision.run(inputs, edits={1: lambda hidden: hidden.flip(0)})
    assert torch.equal(plain.features, same.features)
    flipped = (other.features - plain.features.flip(0)).abs() < 1e-5
    kept = (other.features - plain.features).abs() < 1e-5  # of earlier blocks, where it shows them
    assert (flipped | kept).all() and flipped.float().mean() > 0.4
    assert not kept.all()


def test_a_users_picture_gives_the_same_pixels(vision: VisionModel) -> None:
    picture = Image.fromarray(np.full((*vision.extent, 3), (200, 90, 31), np.uint8))
    shown = make_inputs(
        vision.image_processor, [picture], whole=is_lvlm(vision.owner), device="cpu"
    )
    for name, value in vision.prepare([picture]).items():
        if isinstance(value, Tensor):
            assert torch.allclose(value.float(), shown[name].float(), atol=0.02), name


@pytest.mark.parametrize("kind", ["qwen3_vl", "glm4v"])
def test_what_is_read_is_what_the_language_model_is_given(kind: str) -> None:
    vision = VisionModel.wrap(*tiny(RUNGS[kind]))
    inputs = vision.prepare(images(vision))
    given = vision.owner.model.get_image_features(inputs["pixel_values"], inputs["image_grid_thw"])
    ours = vision.run(inputs).tokens
    assert torch.allclose(ours.flatten(0, 1), torch.cat(list(given.pooler_output)), atol=1e-5)


def test_a_masked_autoencoder_sees_every_patch_and_keeps_its_setting(tmp_path: Path) -> None:
    vision = VisionModel.wrap(*tiny(RUNGS["vit_mae"]))
    config = vision.module.config
    patches = (config.image_size // config.patch_size) ** 2
    assert vision.tower.masked and config.mask_ratio == 0.75
    assert vision.run(vision.prepare(images(vision))).tokens.shape[1] == patches + 1
    vision.save(tmp_path / "saved")
    assert json.loads((tmp_path / "saved" / "config.json").read_text())["mask_ratio"] == 0.75


@pytest.mark.parametrize("kind", ["siglip2_vision_model", "mllama"])
def test_a_tower_is_profiled_marked_saved_and_verified(kind: str, tmp_path: Path) -> None:
    climbed = climb(RUNGS[kind], tmp_path)
    assert climbed.state == WORKS, climbed.words


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*ALONE, *INSIDE])
def test_every_build_of_tower_is_marked(kind: str, tmp_path: Path) -> None:
    climbed = climb(RUNGS[kind], tmp_path)
    assert climbed.state == WORKS, climbed.words


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("minimax_m3_vl", "alike alone and among others"),
        pytest.param(
            "inkling_mm_model",
            "the same pixel_values of a picture and of its values",
            marks=pytest.mark.slow,
        ),
        ("vilt", "it has no tower"),
        ("gemma4", "it has no tower"),
        ("idefics", "names what it makes of a picture"),
    ],
)
def test_what_cannot_be_marked_is_said_in_one_line(
    kind: str, words: str, sif: Run, tmp_path: Path
) -> None:
    write(RUNGS[kind], tmp_path / "model")
    (tmp_path / "photos").mkdir()
    pictures(1)[0].save(tmp_path / "photos" / "0.png")
    code, _out, error = sif(
        "activemark", "profile", tmp_path / "model", "--images", tmp_path / "photos"
    )
    assert code == 1
    assert_one_line(error, words)


def test_missing_weights_are_not_made_up(tmp_path: Path) -> None:
    write(RUNGS["vit"], tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    lost = next(name for name in tensors if name.endswith("weight") and ".1." in name)
    save_file({name: t for name, t in tensors.items() if name != lost}, file, {"format": "pt"})
    with pytest.raises(ModelError, match="random"):
        VisionModel.load(tmp_path, device="cpu")


def test_a_tower_that_draws_patches_at_random_is_refused_where_it_cannot_be_kept_from_it() -> None:
    model, processor = tiny(RUNGS["vit"])
    first = model.encoder.layer[0] if hasattr(model, "encoder") else model.layers[0]
    first.register_forward_hook(lambda _block, _given, out: out + torch.randn_like(out))
    extent = own_extent(processor, whole=False)
    with pytest.raises(ModelError, match="alike each time"):
        try_tower(model, model, processor, whole=False, extent=extent, readout=None)


def test_channels_are_found_by_the_sizes_of_layers() -> None:
    map_, tokens = torch.zeros(2, 16, 4, 4), torch.zeros(2, 4, 4, 16)
    convolution, linear = nn.Conv2d(16, 16, 1), nn.Linear(16, 16)
    assert channels_in_front(map_, convolution) and not channels_in_front(tokens, linear)
    square = torch.zeros(2, 16, 16, 16)
    assert channels_in_front(square, convolution) and not channels_in_front(square, linear)


def test_the_ladder_has_rungs_of_both_sorts() -> None:
    assert Rung("vit", "ViTModel", lvlm=False) in RUNGS.values()
    assert sum(rung.lvlm for rung in RUNGS.values()) > 50
