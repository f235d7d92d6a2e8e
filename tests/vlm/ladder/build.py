"""Builds the tiny model folder of a rung: real classes of transformers, random weights.

Knows nothing of fingerprints.
"""

import inspect
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import CONFIG_MAPPING, GenerationConfig, PreTrainedTokenizerFast
from transformers.models.auto.feature_extraction_auto import FEATURE_EXTRACTOR_MAPPING_NAMES
from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING_NAMES
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES
from transformers.models.auto.video_processing_auto import VIDEO_PROCESSOR_MAPPING_NAMES

from sif.mini.tokenizer import build_tokenizer
from sif.vlm.folder import save_model
from tests.vlm.ladder.rung import Rung, chat_template
from tests.vlm.ladder.shrink import overlaid, shrunk

COMMON = ("<pad>", "<s>", "</s>", "<unk>")
SEED = 3


def build_folder(architecture: str, rung: Rung, folder: Path) -> Path:
    """Writes the folder of one architecture and returns it."""
    tokenizer = build_rung_tokenizer(rung)
    processor = build_processor(architecture, rung, tokenizer)
    save_model(build_model(architecture, rung, tokenizer), processor, folder)
    return folder


def build_rung_tokenizer(rung: Rung) -> PreTrainedTokenizerFast:
    """The mini models' tokenizer with the family's special tokens, called by their names."""
    special = tuple(dict.fromkeys((*rung.named.values(), *rung.special)))
    plain = build_tokenizer(SEED, COMMON + special)
    return PreTrainedTokenizerFast(
        tokenizer_object=plain.backend_tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        extra_special_tokens=dict(rung.named),
        model_max_length=8192,
        padding_side="left",
    )


def build_processor(architecture: str, rung: Rung, tokenizer: PreTrainedTokenizerFast) -> Any:
    """The architecture's processor around that tokenizer."""
    kind = getattr(transformers, rung.processor_class or PROCESSOR_MAPPING_NAMES[architecture])
    wanted = inspect.signature(kind.__init__).parameters
    parts: dict[str, Any] = {"image_processor": _image_processor(architecture, rung)}
    parts["tokenizer"] = tokenizer
    if "video_processor" in wanted:
        parts["video_processor"] = _video_processor(architecture, rung)
    if "feature_extractor" in wanted:
        name = rung.audio_class or FEATURE_EXTRACTOR_MAPPING_NAMES.get(architecture)
        parts["feature_extractor"] = getattr(transformers, name)() if name else None
    processor = kind(**parts, **rung.processor)
    processor.chat_template = chat_template(rung)
    return processor


def _image_processor(architecture: str, rung: Rung) -> Any:
    names = IMAGE_PROCESSOR_MAPPING_NAMES.get(architecture) or {}
    name = rung.image_class or names.get("torchvision") or names.get("pil")
    return getattr(transformers, name)(**rung.pixels)


def _video_processor(architecture: str, rung: Rung) -> Any:
    names = VIDEO_PROCESSOR_MAPPING_NAMES.get(architecture) or {}
    name = rung.video_class or names.get("torchvision")
    return getattr(transformers, name)(**rung.video) if name else None


def build_model(architecture: str, rung: Rung, tokenizer: PreTrainedTokenizerFast) -> Any:
    """The architecture's model with random weights."""
    ids = {
        f"{name}_{end}": tokenizer.convert_tokens_to_ids(token)
        for name, token in rung.named.items()
        for end in ("id", "index")
    }
    further = {key: tokenizer.convert_tokens_to_ids(token) for key, token in rung.ids.items()}
    default = CONFIG_MAPPING[architecture]
    small = shrunk(default().to_dict(), vocabulary=len(tokenizer), ids=ids) | further
    config = default.from_dict(overlaid(small, rung.config))
    kind = getattr(transformers, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES[architecture])
    torch.manual_seed(SEED)
    model = kind(config).eval()
    _wake(model)
    model.generation_config = GenerationConfig(pad_token_id=0, bos_token_id=1, eos_token_id=2)
    return model


def _wake(model: torch.nn.Module) -> None:
    """Gives values to what begins as zero, as any trained model has them.

    Gates, projections, and the rows of tables that padding looks up.
    """
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.numel() == 1 and not parameter.any():
                parameter.fill_(0.5)
            elif parameter.is_floating_point() and parameter.ndim > 1:
                asleep = ~parameter.flatten(1).any(1)
                parameter[asleep] = torch.randn_like(parameter[asleep]) * 0.02
