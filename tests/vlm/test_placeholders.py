"""Placeholders of pictures in prompts and answers: found, taken out, refused where asked."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from sif.errors import UsageError
from sif.mini.architecture import build_processor
from sif.session.manner import Manner
from sif.suspects.connect import connect
from sif.types import GenerationSettings, Query, Unanswered
from sif.vlm.model import Vlm
from sif.vlm.placeholders import KNOWN, found_in, placeholders_of, refuse, without
from tests.cli.command import Run, assert_one_line


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<image>\nWhat is this?", "What is this?"),
        ("What is this?\n<image>", "What is this?"),
        ("A <image> grey", "A grey"),
        ("<image><image> two", "two"),
        ("a<image>b", "ab"),
        ("first\n<image>\nsecond", "first\nsecond"),
        (" <image> ", ""),
        ("<|vision_start|><|image_pad|><|vision_end|>Say", "Say"),
        ("[IMG][IMG_BREAK][IMG_END] Say", "Say"),
        ("<image 1> left", "left"),
        ("<|image_2|>\nright", "right"),
        ("<Image>", ""),
    ],
)
def test_a_placeholder_goes_with_the_gap_it_leaves(text: str, left: str) -> None:
    assert without(text) == left
    assert found_in(text)
    assert not found_in(left)


@pytest.mark.parametrize("text", ["", " two  blanks ", "an image", "<imagery>", "[img src]", "a\n"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert without(text) == text
    assert found_in(text) == []


def test_a_processor_and_its_tokenizer_name_their_own() -> None:
    assert placeholders_of(build_processor("llava", seed=0)) == ("<image>",)
    assert "<|image_pad|>" in placeholders_of(build_processor("qwen2_5_vl", seed=0))
    tokenizer = SimpleNamespace(
        extra_special_tokens={"image_token": "{{pic}}", "eos_token": "</s>"}
    )
    processor = SimpleNamespace(boi_token="<<begin>>", image_token=None, tokenizer=tokenizer)
    assert set(placeholders_of(processor)) == {"{{pic}}", "<<begin>>"}
    assert without("{{pic}} Say <<begin>>it", placeholders_of(processor)) == "Say it"


def test_prompts_to_ask_with_one_are_refused_everywhere(sif: Run, tmp_path: Path) -> None:
    for mark in KNOWN:
        with pytest.raises(UsageError, match="stands for a picture"):
            refuse("prompts", ["fine", f"{mark} not"])
    with pytest.raises(UsageError, match="stands for a picture"):
        Manner(example="<image> a red ring")
    code, _, error = sif("verify", tmp_path, "hf:x", "--also-ask", "<image> What?")
    assert code == 2
    assert_one_line(error, "--also-ask", "<image>", "leave it out")


@pytest.mark.parametrize("family", ["llava", "qwen"])
def test_a_model_is_not_asked_with_its_own(family: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(f"untrained_{family}")
    vlm = Vlm.load(folder, device="cpu")
    picture = Image.new("RGB", (72, 72), "red")
    (mark, *_) = placeholders_of(vlm.processor)
    with pytest.raises(UsageError, match="stands for a picture"):
        vlm.generate([picture], [f"{mark} What?"], GenerationSettings(max_new_tokens=2))
    suspect = connect(f"hf:{folder}")
    short = GenerationSettings(max_new_tokens=2)
    asked = [f"{mark} What?", "What?"]
    queries = [Query(trigger=it, image=picture, prompt=it, generation=short) for it in asked]
    refused, answered = suspect.ask(queries)
    assert isinstance(refused, Unanswered)
    assert mark in refused.reason
    assert not isinstance(answered, Unanswered)
