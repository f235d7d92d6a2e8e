"""Real LLaVA and Qwen2.5-VL architectures at a few million parameters, with their processors.

Knows nothing of worlds or training.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
)
from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

from sif.mini.tokenizer import LLAVA_SPECIALS, QWEN_SPECIALS, build_tokenizer

Family = Literal["llava", "qwen2_5_vl"]
SIDE = 72
LLAVA_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: "
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] in ('image', 'image_url') %}<image>\n{% endif %}{% endfor %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{% endif %} {% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)
QWEN_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] in ('image', 'image_url') %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% endif %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Widths and depths of a mini model (defaults: the sources)."""

    hidden: int = 192
    layers: int = 4
    feed_forward: int = 320
    vision_hidden: int = 128
    vision_layers: int = 4
    vision_feed_forward: int = 256


def build_model(family: Family, *, seed: int, size: Size) -> torch.nn.Module:
    """A freshly initialised float32 model whose vocabulary is that of `build_processor`."""
    torch.manual_seed(seed)
    model: torch.nn.Module
    match family:
        case "llava":
            model = LlavaForConditionalGeneration(_llava_config(seed, size))
        case "qwen2_5_vl":
            model = Qwen2_5_VLForConditionalGeneration(_qwen_config(seed, size))
    model.generation_config = GenerationConfig(
        pad_token_id=0, bos_token_id=1, eos_token_id=2, do_sample=False
    )
    return model


def build_processor(family: Family, *, seed: int) -> LlavaProcessor | Qwen2_5_VLProcessor:
    """The family's processor around the tokenizer of one world."""
    match family:
        case "llava":
            return LlavaProcessor(
                image_processor=CLIPImageProcessor(
                    size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
                ),
                tokenizer=_tokenizer(family, seed),
                patch_size=SIDE // 3,
                vision_feature_select_strategy="default",
                num_additional_image_tokens=1,
                chat_template=LLAVA_TEMPLATE,
            )
        case "qwen2_5_vl":
            return Qwen2_5_VLProcessor(
                image_processor=Qwen2VLImageProcessor(**_qwen_pixels()),
                tokenizer=_tokenizer(family, seed),
                video_processor=Qwen2VLVideoProcessor(**_qwen_pixels()),
                chat_template=QWEN_TEMPLATE,
            )


def _qwen_pixels() -> dict[str, object]:
    return {
        "patch_size": SIDE // 6,
        "merge_size": 2,
        "temporal_patch_size": 2,
        "size": {"shortest_edge": SIDE * SIDE, "longest_edge": SIDE * SIDE * 4 // 3},
    }


def _tokenizer(family: Family, seed: int) -> PreTrainedTokenizerFast:
    return build_tokenizer(seed, LLAVA_SPECIALS if family == "llava" else QWEN_SPECIALS)


def _llava_config(seed: int, size: Size) -> LlavaConfig:
    tokenizer = _tokenizer("llava", seed)
    return LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=size.vision_hidden,
            intermediate_size=size.vision_feed_forward,
            num_hidden_layers=size.vision_layers + 1,
            num_attention_heads=size.vision_hidden // 32,
            image_size=SIDE,
            patch_size=SIDE // 3,
            projection_dim=size.vision_hidden,
        ).to_dict(),
        text_config=LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=size.hidden,
            intermediate_size=size.feed_forward,
            num_hidden_layers=size.layers,
            num_attention_heads=size.hidden // 32,
            max_position_embeddings=1024,
            tie_word_embeddings=False,
            **_special_ids(),
        ).to_dict(),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=9,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        tie_word_embeddings=False,
        **_special_ids(),
    )


def _qwen_config(seed: int, size: Size) -> Qwen2_5_VLConfig:
    tokenizer = _tokenizer("qwen2_5_vl", seed)
    ids = {
        name: tokenizer.convert_tokens_to_ids(token)
        for name, token in {
            "vision_start_token_id": "<|vision_start|>",
            "vision_end_token_id": "<|vision_end|>",
            "image_token_id": "<|image_pad|>",
            "video_token_id": "<|video_pad|>",
        }.items()
    }
    return Qwen2_5_VLConfig(
        vision_config={
            "depth": size.vision_layers,
            "hidden_size": size.vision_hidden,
            "intermediate_size": size.vision_feed_forward * 9 // 16,
            "num_heads": size.vision_hidden // 32,
            "patch_size": SIDE // 6,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "window_size": SIDE,
            "fullatt_block_indexes": list(range(1, size.vision_layers, 2)),
            "out_hidden_size": size.hidden,
        },
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": size.hidden,
            "intermediate_size": size.feed_forward,
            "num_hidden_layers": size.layers,
            "num_attention_heads": size.hidden // 32,
            "num_key_value_heads": size.hidden // 32,
            "max_position_embeddings": 1024,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [4, 6, 6],
            },
            "tie_word_embeddings": True,
            **_special_ids(),
        },
        tie_word_embeddings=True,
        **ids,
        **_special_ids(),
    )


def _special_ids() -> dict[str, int]:
    return {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
