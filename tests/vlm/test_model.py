import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sif.errors import ModelError, UsageError
from sif.types import GenerationSettings
from sif.vlm.folder import load_processor
from sif.vlm.model import Vlm
from sif.vlm.pixels import png_bytes, to_images, to_tensor
from sif.vlm.probe import probe

PROMPTS = ["Describe the image in detail.", "What is it?"]
SHORT = GenerationSettings(max_new_tokens=6)


@pytest.fixture(scope="module", params=["untrained_llava", "untrained_qwen"])
def vlm(request: pytest.FixtureRequest) -> Vlm:
    return Vlm.load(request.getfixturevalue(request.param), device="cpu")


def pictures(vlm: Vlm) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [
        vlm.prepare(Image.fromarray(rng.integers(0, 256, (72, 72, 3), dtype=np.uint8)))
        for _ in range(2)
    ]


def test_both_families_pass_the_probe(vlm: Vlm) -> None:
    probe(vlm)


def test_the_patch_size_is_that_of_the_first_convolution(vlm: Vlm) -> None:
    convolutions = (torch.nn.Conv2d, torch.nn.Conv3d)
    first = next(m for m in vlm.model.modules() if isinstance(m, convolutions))
    assert vlm.patch_size == first.kernel_size[-1]


def test_a_tensor_and_its_png_are_encoded_and_answered_alike(vlm: Vlm, tmp_path: Path) -> None:
    images = to_tensor(pictures(vlm))
    opened = []
    for index, image in enumerate(to_images(images)):
        (tmp_path / f"{index}.png").write_bytes(png_bytes(image))
        opened.append(Image.open(tmp_path / f"{index}.png"))
    from_tensor, from_png = vlm.encode(images, PROMPTS), vlm.encode(opened, PROMPTS)
    assert from_tensor.keys() == from_png.keys()
    for name, value in from_png.items():
        assert torch.allclose(from_tensor[name].float(), value.float(), atol=1e-5), name
    assert vlm.generate(images, PROMPTS, SHORT) == vlm.generate(opened, PROMPTS, SHORT)


def test_every_image_of_a_batch_gets_its_own_gradient_and_logits(vlm: Vlm) -> None:
    images, answers = to_tensor(pictures(vlm)), [[30, 31, 32], [40]]
    leaf = images.clone().requires_grad_()
    logits, ids = vlm.answer_logits(leaf, PROMPTS, answers)
    assert ids.tolist() == [[30, 31, 32], [40, -1, -1]]
    (slope,) = torch.autograd.grad(logits[1, 0].logsumexp(-1), leaf)
    assert (slope[0] == 0).all()
    assert (slope[1] != 0).float().mean() > 0.9
    for index in range(2):
        part = slice(index, index + 1)
        alone, _ = vlm.answer_logits(images[part], PROMPTS[part], answers[part])
        count = len(answers[index])
        assert torch.allclose(alone[0, :count], logits[index, :count], atol=1e-4)


def test_a_prompt_is_spelled_by_the_models_own_template(vlm: Vlm) -> None:
    (ids,) = vlm.encode(pictures(vlm)[:1], PROMPTS[:1])["input_ids"]
    assert vlm.tokenizer.decode(ids, skip_special_tokens=True).count("describe the image in") == 1


def test_a_processor_that_cuts_the_gradient_is_refused(vlm: Vlm) -> None:
    class Cutting:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def __call__(self, **inputs: Any) -> Any:
            inputs["images"] = [
                [getattr(i, "detach", lambda i=i: i)() for i in row] for row in inputs["images"]
            ]
            return self.inner(**inputs)

    with pytest.raises(ModelError, match="expected a finite gradient") as caught:
        probe(Vlm(vlm.model, Cutting(vlm.processor), vlm.source))
    assert "\n" not in str(caught.value)


def test_a_template_that_drops_the_prompt_is_refused(vlm: Vlm) -> None:
    class Deaf:
        def __getattr__(self, name: str) -> Any:
            return getattr(vlm.processor, name)

        def apply_chat_template(self, *_arguments: Any, **_options: Any) -> str:
            return "user: \n assistant:"

    with pytest.raises(ModelError, match="carry the prompt once") as caught:
        probe(Vlm(vlm.model, Deaf(), vlm.source))
    assert "\n" not in str(caught.value)


def refusal(folder: Path | str) -> str:
    with pytest.raises(ModelError) as caught:
        Vlm.load(folder, device="cpu")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_model_without_eyes_is_refused(text_only: Path) -> None:
    assert "takes no images" in refusal(text_only)


@pytest.mark.parametrize("options", [{"device": "gpu"}, {"device": "cuda:99"}, {"dtype": "fp8"}])
def test_a_device_or_precision_that_is_not_there_is_wrong_usage(options: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="expected"):
        Vlm.load("nowhere", **options)


@pytest.mark.parametrize("name", ["nope", "/my/lava", "./lava", "org/nope"])
def test_a_mistyped_name_is_said_to_be_no_folder(name: str) -> None:
    with pytest.raises(ModelError, match="no folder of that name here") as caught:
        load_processor(name)
    assert "http" not in str(caught.value)
    assert ("hub" in str(caught.value)) == (name in ("nope", "org/nope"))


def test_missing_and_damaged_models_are_refused(untrained_llava: Path, tmp_path: Path) -> None:
    assert "expected a model folder" in refusal(tmp_path / "nowhere")
    assert "expected a model folder" in refusal(tmp_path)
    cut = shutil.copytree(untrained_llava, tmp_path / "cut")
    weights = cut / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100_000])
    assert "cannot load the weights" in refusal(cut)
    silent = shutil.copytree(untrained_llava, tmp_path / "silent")
    (silent / "chat_template.jinja").unlink()
    assert "chat template" in refusal(silent)
    strange = shutil.copytree(untrained_llava, tmp_path / "strange")
    (strange / "config.json").write_text(json.dumps({"model_type": "martian"}))
    assert "martian" in refusal(strange)
