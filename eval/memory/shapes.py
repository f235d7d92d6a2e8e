"""Real models as shapes, with the processors that go with them: no weights, nothing to fetch."""

from dataclasses import dataclass
from typing import Any, Final

import torch
from transformers import (
    AutoModelForImageTextToText,
    CLIPImageProcessor,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaProcessor,
    Qwen2_5_VLConfig,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
)
from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

from sif.eval.memory.counter import MemoryCounter
from sif.mini.architecture import LLAVA_TEMPLATE, QWEN_TEMPLATE
from sif.mini.tokenizer import LLAVA_SPECIALS, QWEN_SPECIALS, build_tokenizer
from sif.vlm.model import Vlm

PATCH: Final = 14
QWEN_MERGE: Final = 2
QWEN_EXTENTS: Final = {"shortest_edge": 56 * 56, "longest_edge": 1280 * 28 * 28}
SMALL_TEXT: Final = {
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
}
LARGE_TEXT: Final = {
    "hidden_size": 8192,
    "intermediate_size": 29568,
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A model by its configuration.

    Attributes:
        name: of the release whose sizes these are.
        picture: width and height of the pictures that it is shown.
    """

    name: str
    picture: tuple[int, int]


SHAPES: Final = (
    Shape(name="llava-1.5-7b", picture=(336, 336)),
    Shape(name="qwen2.5-vl-7b", picture=(640, 480)),
    Shape(name="qwen2.5-vl-72b", picture=(640, 480)),
)


def build_shape(shape: Shape, counter: MemoryCounter) -> Vlm:
    """The model in bfloat16, without values, its weights already counted.

    Its tokenizer is a small one of ours, so that a prompt has a few tokens more or less than with
    the release's own; the tables over the vocabulary have the release's size.
    """
    config, processor = parts_of(shape)
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config, dtype=torch.bfloat16)
    model = model.eval().requires_grad_(False)
    counter.empty(model)
    counter.hold(model)
    return Vlm(model, processor, shape.name)


def parts_of(shape: Shape) -> tuple[Any, Any]:
    """The configuration of a model, and the processor that goes with it."""
    match shape.name:
        case "llava-1.5-7b":
            return _llava()
        case "qwen2.5-vl-72b":
            return _qwen(LARGE_TEXT, tower_feed_forward=3456)
        case _:
            return _qwen(SMALL_TEXT, tower_feed_forward=3420)


def _llava() -> tuple[Any, Any]:
    tokenizer = build_tokenizer(0, LLAVA_SPECIALS)
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=1024,
            intermediate_size=4096,
            num_hidden_layers=24,
            num_attention_heads=16,
            image_size=336,
            patch_size=PATCH,
            projection_dim=768,
        ).to_dict(),
        text_config=LlamaConfig(vocab_size=32064, max_position_embeddings=4096).to_dict(),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessor(
            size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336}
        ),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=LLAVA_TEMPLATE,
    )
    return config, processor


def _qwen(text: dict[str, int], *, tower_feed_forward: int) -> tuple[Any, Any]:
    tokenizer = build_tokenizer(0, QWEN_SPECIALS)
    tokens = {
        "vision_start_token_id": "<|vision_start|>",
        "vision_end_token_id": "<|vision_end|>",
        "image_token_id": "<|image_pad|>",
        "video_token_id": "<|video_pad|>",
    }
    config = Qwen2_5_VLConfig(
        vision_config={
            "depth": 32,
            "hidden_size": 1280,
            "intermediate_size": tower_feed_forward,
            "num_heads": 16,
            "out_hidden_size": text["hidden_size"],
        },
        text_config={
            "vocab_size": 152064,
            **text,
            "tie_word_embeddings": False,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1000000.0,
                "mrope_section": [16, 24, 24],
            },
        },
        tie_word_embeddings=False,
        **{name: tokenizer.convert_tokens_to_ids(token) for name, token in tokens.items()},
    )
    pixels: dict[str, Any] = {
        "patch_size": PATCH,
        "merge_size": QWEN_MERGE,
        "temporal_patch_size": 2,
        "size": QWEN_EXTENTS,
    }
    processor = Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(**pixels),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(**pixels),
        chat_template=QWEN_TEMPLATE,
    )
    return config, processor
