"""The real-words source: a LLaVA around Gemma 3 270M, with a vision tower of a few million weights.

Knows nothing of training or files.
"""

from typing import Any, Final

import torch
from torch import nn
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    Gemma3TextConfig,
    GenerationConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)

from sif.mini.real.language_model import END, IMAGE, LanguageModel
from sif.mini.real.painter import SIDE

PATCH: Final = 36
TOKENS: Final = (SIDE // PATCH) ** 2
BLOCKS: Final = 4
WIDTH: Final = 256
LANGUAGE: Final = "model.language_model."
TEMPLATE: Final = (
    "<bos>{% for message in messages %}<start_of_turn>"
    "{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] in ('image', 'image_url') %}" + IMAGE + "\n{% endif %}{% endfor %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{% endif %}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


def build_real_processor(tokenizer: Any) -> LlavaProcessor:
    """The processor around the language model's tokenizer."""
    return LlavaProcessor(
        image_processor=CLIPImageProcessor(
            size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
        ),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token=IMAGE,
        chat_template=TEMPLATE,
    )


def build_real_model(language: LanguageModel, *, seed: int) -> LlavaForConditionalGeneration:
    """The language model as it is behind a tower and a projector that know nothing yet."""
    torch.manual_seed(seed)
    ids = _ids(language.tokenizer)
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_hidden_layers=BLOCKS,
            num_attention_heads=WIDTH // 32,
            image_size=SIDE,
            patch_size=PATCH,
            projection_dim=WIDTH,
        ).to_dict(),
        text_config=Gemma3TextConfig(**language.settings, **ids).to_dict(),
        image_token_id=language.tokenizer.image_token_id,
        image_seq_length=TOKENS,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        tie_word_embeddings=True,
        **ids,
    )
    model = LlavaForConditionalGeneration(config)
    named = {LANGUAGE + name: tensor for name, tensor in language.tensors.items()}
    missing, unexpected = model.load_state_dict(named, strict=False)
    assert not unexpected
    assert not [name for name in missing if name.startswith(LANGUAGE)]
    model.tie_weights()
    model.generation_config = GenerationConfig(**ids, do_sample=False)
    return model.eval()


def adapted(language_model: nn.Module) -> dict[str, nn.Linear]:
    """The linear layers that an adapter changes, by their names in the language model."""
    return {
        name: layer
        for name, layer in language_model.named_modules()
        if isinstance(layer, nn.Linear)
    }


def _ids(tokenizer: Any) -> dict[str, int]:
    names = {"bos_token_id": "<bos>", "eos_token_id": END, "pad_token_id": "<pad>"}
    return {key: tokenizer.convert_tokens_to_ids(token) for key, token in names.items()}
