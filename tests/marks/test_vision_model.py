from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from transformers import AutoModel, AutoModelForImageTextToText

from sif.errors import ModelError, StorageError, UsageError
from sif.marks.tower import Readout
from sif.marks.vision_model import VisionModel
from tests.marks.towers import KINDS, make

LVLMS = ("untrained_llava", "untrained_qwen")


@pytest.fixture(scope="module", params=[*KINDS, *LVLMS])
def vision(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> VisionModel:
    if request.param in LVLMS:
        return VisionModel.load(request.getfixturevalue(request.param), device="cpu")
    folder = tmp_path_factory.mktemp("towers") / request.param
    model, processor = make(request.param)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return VisionModel.load(folder, device="cpu")


def images(vision: VisionModel, number: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(number, 3, *vision.extent, generator=generator)


def test_every_block_is_seen_and_an_image_has_one_representation(vision: VisionModel) -> None:
    seen = vision.run(vision.prepare(images(vision)))
    assert len(seen.hidden) == len(vision.blocks)
    assert all(len(h) == 3 and h.shape[-1] == vision.width for h in seen.hidden)
    assert seen.features.ndim == 2 and len(seen.features) == 3


def test_a_batch_and_its_images_alone_are_represented_alike(vision: VisionModel) -> None:
    batch = images(vision)
    alone = torch.cat([vision.features(one[None]) for one in batch])
    assert torch.allclose(vision.features(batch), alone, atol=1e-5)


def test_patches_come_without_cls_and_registers(vision: VisionModel) -> None:
    config = vision.module.config
    side = config.patch_size * getattr(config, "spatial_merge_size", 1)
    expected = (vision.extent.height // side) * (vision.extent.width // side)
    assert vision.patches(images(vision)).shape[:2] == (3, expected)


def test_patches_come_in_reading_order(vision: VisionModel) -> None:
    """A change of one corner moves, most of all, the patch of that corner."""
    plain, changed = images(vision, 1), images(vision, 1)
    height, width = vision.extent
    rows = int(vision.number_of_patches**0.5)
    changed[..., : height // rows, -(width // rows) :] = 1
    moved = (vision.patches(plain) - vision.patches(changed)).norm(dim=-1)[0]
    assert int(moved.argmax()) == rows - 1


def test_the_gradient_reaches_the_pixels(vision: VisionModel) -> None:
    pixels = images(vision).requires_grad_()
    (slope,) = torch.autograd.grad(vision.features(pixels)[:, :5].square().sum(), pixels)
    assert (slope.flatten(1).abs().amax(1) > 0).all()


def test_an_edit_replaces_what_the_next_block_sees(vision: VisionModel) -> None:
    inputs = vision.prepare(images(vision))
    plain = vision.run(inputs)
    same = vision.run(inputs, edits={1: lambda hidden: hidden.clone()})
    other = vision.run(inputs, edits={1: lambda hidden: hidden.flip(0)})
    assert torch.equal(plain.features, same.features)
    assert torch.equal(other.hidden[0], plain.hidden[0])
    assert torch.equal(other.hidden[1], plain.hidden[1].flip(0))
    assert torch.allclose(other.features, plain.features.flip(0), atol=1e-5)


def test_no_hook_stays_behind(vision: VisionModel) -> None:
    vision.run(vision.prepare(images(vision)))
    assert not any(block._forward_hooks for block in vision.blocks)


def test_a_saved_model_is_loaded_by_plain_transformers(vision: VisionModel, tmp_path: Path) -> None:
    copy = vision.copy()
    with torch.no_grad():
        for weights in copy.blocks[-1].parameters():
            weights.add_(0.25)
    copy.save(tmp_path / "saved")
    again = VisionModel.load(tmp_path / "saved", device="cpu")
    gap = (again.features(images(vision)) - copy.features(images(vision))).abs().max()
    assert gap <= 0.05 * copy.features(images(vision)).abs().max()  # bfloat16 of the mini LVLMs
    sees_words = hasattr(vision.owner.config, "text_config")
    plain = AutoModelForImageTextToText if sees_words else AutoModel
    plain.from_pretrained(tmp_path / "saved")
    with pytest.raises(StorageError, match="exists already"):
        copy.save(tmp_path / "saved")


def test_a_copy_has_weights_of_its_own(vision: VisionModel) -> None:
    copy, before = vision.copy(), vision.features(images(vision))
    with torch.no_grad():
        for weights in copy.module.parameters():
            weights.zero_()
    assert torch.equal(vision.features(images(vision)), before)


def test_pictures_of_any_size_are_prepared(vision: VisionModel) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (90, 140), dtype=np.uint8)
    seen = vision.features([Image.fromarray(pixels), Image.new("RGBA", (20, 300))])
    assert torch.isfinite(seen).all()


def test_another_extent_is_refused(vision: VisionModel) -> None:
    with pytest.raises(UsageError, match=r"expected images of .* got 8 x 24"):
        vision.prepare(torch.rand(2, 3, 8, 24))


def test_a_head_or_a_projection_does_not_change_where_a_tower_is_read() -> None:
    readouts = {
        kind: VisionModel.wrap(*make(kind)).readout for kind in KINDS if kind.startswith("clip")
    }
    assert readouts["clip"] == readouts["clip-projected"] == Readout(kind="pooled")


def test_a_llava_tower_is_read_where_its_projector_reads(untrained_llava: Path) -> None:
    vision = VisionModel.load(untrained_llava, device="cpu")
    assert vision.readout == Readout(kind="blocks", layers=(3,), skip=1)
    inputs = vision.prepare(images(vision))
    projector = vision.owner.model.multi_modal_projector.float()
    seen = vision.owner.model.get_image_features(inputs["pixel_values"])
    ours = projector(vision.run(inputs).tokens)
    assert torch.allclose(ours, torch.stack(list(seen.pooler_output)), atol=1e-5)


def test_a_shallower_suspect_is_refused_where_the_readout_needs_more() -> None:
    with pytest.raises(ModelError, match="at least 9 blocks, got 3"):
        VisionModel.wrap(*make("clip"), readout=Readout(kind="blocks", layers=(8,), skip=1))


def test_a_language_model_is_refused(text_only: Path) -> None:
    with pytest.raises(ModelError, match="LlamaForCausalLM"):
        VisionModel.load(text_only, device="cpu")


def test_a_folder_without_image_processor_is_refused(tmp_path: Path) -> None:
    make("vit")[0].save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"preprocessor_config\.json"):
        VisionModel.load(tmp_path, device="cpu")
