"""A ladder of tiny vision models: one of every architecture that the installed transformers has.

Each is built from its configuration class, with random weights and tiny dimensions, and its own
image processor. Dimensions are found by the names of settings; only what that does not fit is
written down for an architecture.
"""

import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers as hf
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING_NAMES

SIDE, PATCH, WIDTH, HEADS, LAYERS = 32, 8, 32, 2, 4
NUMBERS: dict[str, Any] = {
    "hidden_size": WIDTH,
    "embed_dim": WIDTH,
    "hidden_dim": WIDTH,
    "d_model": WIDTH,
    "encoder_hidden_size": WIDTH,
    "decoder_hidden_size": WIDTH,
    "projector_hidden_size": WIDTH,
    "out_hidden_size": WIDTH,
    "projection_dim": 16,
    "output_channels": 16,
    "intermediate_size": 64,
    "intermediate_size_mlp": 64,
    "moe_intermediate_size": 32,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "decoder_intermediate_size": 64,
    "mlp_dim": 64,
    "d_ff": 64,
    "d_kv": 16,
    "mlp_ratio": 2,
    "num_hidden_layers": LAYERS,
    "num_layers": LAYERS,
    "depth": LAYERS,
    "num_global_layers": 1,
    "decoder_num_hidden_layers": 1,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "num_attention_heads": HEADS,
    "num_key_value_heads": HEADS,
    "num_heads": HEADS,
    "attention_heads": HEADS,
    "encoder_attention_heads": HEADS,
    "decoder_attention_heads": HEADS,
    "decoder_num_attention_heads": HEADS,
    "head_dim": 16,
    "num_experts": 2,
    "num_local_experts": 2,
    "n_routed_experts": 2,
    "num_experts_per_tok": 1,
    "vocab_size": 128,
    "max_position_embeddings": 128,
    "image_size": SIDE,
    "patch_size": PATCH,
    "initializer_range": 0.02,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "mm_tokens_per_image": 4,
    "vision_output_dim": 64,
}
LISTS: dict[str, list[int]] = {
    "depths": [1, 1, 2, 1],
    "hidden_sizes": [8, 16, 24, 32],
    "embed_dims": [8, 16, 24, 32],
    "num_heads": [1, 1, 2, 2],
    "num_attention_heads": [1, 1, 2, 2],
    "layers_to_take": [],
    "deepstack_visual_indexes": [0, 1],
    "global_attn_indexes": [2],
    "image_size": [SIDE, SIDE],
    "patch_size": [PATCH, PATCH],
}
SHRINKING = [
    *("swin", "donut-swin", "convnext", "convnextv2"),
    *("levit", "mobilevit", "mobilevitv2", "bit"),
]
BIG = {"height": 2 * SIDE, "width": 2 * SIDE}
WINDOWED = {"vision_config": {"window_size": 2 * PATCH, "fullatt_block_indexes": [1]}}
OWN: dict[str, dict[str, Any]] = {
    "qwen2_5_vl": WINDOWED,
    "exaone4_5": WINDOWED,
    "hyperclovax_vision_v2": WINDOWED,
    "qwen2_5_omni_thinker": WINDOWED,
    "swin": {"window_size": 2, "image_size": 2 * SIDE, "patch_size": 4},
    "swinv2": {"window_size": 2, "patch_size": 4},
    "donut-swin": {"window_size": 2, "image_size": [2 * SIDE, 2 * SIDE], "patch_size": 4},
    "mllama": {"vision_config": {"intermediate_layers_indices": [0, 1]}},
    "llama4": {
        "vision_config": {
            "intermediate_size": 4 * WIDTH,
            "projector_input_dim": WIDTH,
            "projector_output_dim": WIDTH,
            "vision_output_dim": WIDTH,
        },
        "text_config": {"layer_types": ["full_attention"] * LAYERS},
    },
    "vipllava": {"vision_feature_layers": [-2, -3]},
    "bit": {"num_groups": 8},
    "efficientnet": {"hidden_dim": 2560, "depth_coefficient": 0.1},
    "align": {"vision_config": {"depth_coefficient": 0.1}},
    "levit": {"image_size": 2 * SIDE},
    "mobilevit": {"patch_size": 2},
    "mobilevitv2": {"patch_size": 2},
    "sam2_hiera_det_model": {"hidden_size": 96},
    "sam2_vision_model": {"backbone_config": {"hidden_size": 96}},
    "sam2": {"vision_config": {"backbone_config": {"hidden_size": 96}}},
    "kosmos-2.5": {"vision_config": {"patch_size": 16}},
    "lfm2_vl": {"text_config": {"layer_types": ["full_attention"] * LAYERS}},
}
"""Settings of an architecture that the tables do not fit, by the configuration's name."""
PROCESSORS: dict[str, dict[str, Any]] = {
    "lfm2_vl": {
        "tile_size": SIDE,
        "encoder_patch_size": PATCH,
        "min_image_tokens": 2,
        "max_image_tokens": 4,
        "max_num_patches": 16,
        "do_image_splitting": False,
    },
    **{kind: {"size": BIG, "crop_size": BIG} for kind in SHRINKING},
    # Below 384 its processor always crops.
    **{kind: {"size": {"shortest_edge": 384}} for kind in ("convnext", "convnextv2")},
    "minicpmv4_6": {"scale_resolution": SIDE},
    "minicpmv4_7": {"scale_resolution": SIDE},
    "sam": {"mask_size": {"longest_edge": SIDE}, "size": {"longest_edge": SIDE}},
    "sam_hq": {"mask_size": {"longest_edge": SIDE}, "size": {"longest_edge": SIDE}},
}
"""The same of its image processor."""


CLIP = "CLIPImageProcessor"
BORROWED = {
    "glm4v_moe": "Glm4vImageProcessor",
    "glm_ocr": "Glm46VImageProcessor",
    "qwen2_5_omni_thinker": "Qwen2VLImageProcessor",
    "qwen3_omni_moe_thinker": "Qwen2VLImageProcessor",
    "qwen3_vl_moe": "Qwen2VLImageProcessor",
    "siglip2_vision_model": "Siglip2ImageProcessor",
}
"""Image processors of architectures that no table gives one."""
MORE = (
    "clip_vision_model",
    "siglip2_vision_model",
    "internvl_vision",
    "idefics3_vision",
    "sam_vision_model",
    "sam2_vision_model",
    "sam2_hiera_det_model",
    "sam3_vit_model",
)
"""Towers of LVLMs and of others, as folders of their own."""


LEFT_OUT = re.compile(
    r"pp_|.*detr|.*dino$|.*_video|deimv2|depth_pro|dpt|edgetam|efficientloftr|glpn|lightglue|"
    r"layoutlm|mask2former|maskformer|mgp-str|omdet|oneformer|perceiver|seggpt|swin2sr|table|textnet|"
    r"timesformer|tvp|uvdoc|videomae|videoprism|vivit|xclip|imagegpt|neomme|embedding_|t5gemma2_enc|"
    r"evolla|mistral4|diffusion_gemma|instructblipvideo|pi0|udop|timm_"
)
"""Detectors, readers of lines, video, depth, and what takes no pictures: nobody's towers."""


class Rung(NamedTuple):
    """One architecture: model type, class, and whether it is an LVLM."""

    kind: str
    architecture: str
    lvlm: bool


def rungs() -> list[Rung]:
    """Every architecture that takes pictures: vision models first, then LVLMs."""
    lvlms = modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    names = modeling_auto.MODEL_MAPPING_NAMES
    images = modeling_auto.MODEL_FOR_IMAGE_MAPPING_NAMES
    kinds = sorted(
        {*images, *(set(IMAGE_PROCESSOR_MAPPING_NAMES) & set(names)), *MORE} - set(lvlms)
    )
    alone = []
    for kind in kinds:
        name = names.get(kind) or images[kind]
        alone.append(Rung(kind, name if isinstance(name, str) else name[0], False))
    seeing = alone + [Rung(kind, name, True) for kind, name in sorted(lvlms.items())]
    return [rung for rung in seeing if not LEFT_OUT.match(rung.kind)]


def tiny_config(kind: str) -> Any:
    """The configuration of an architecture with small numbers."""
    return _shrunk(CONFIG_MAPPING[kind], OWN.get(kind, {}))


def _shrunk(cls: Any, own: dict[str, Any]) -> Any:
    default = cls()
    settings: dict[str, Any] = {}
    for name in _names(cls):
        before = vars(default).get(name)
        part = own.get(name, {})
        if isinstance(before, hf.PretrainedConfig):
            settings[name] = _shrunk(type(before), part if isinstance(part, dict) else {})
        elif isinstance(before, list | tuple) and name in LISTS:
            if name not in ("image_size", "patch_size") or len(before) == 2:
                settings[name] = LISTS[name][: len(before)]
        elif isinstance(before, bool | list | tuple | dict):
            continue
        elif name in NUMBERS and before is not None:
            settings[name] = type(before)(NUMBERS[name])
    for name, value in own.items():
        if not isinstance(settings.get(name), hf.PretrainedConfig):
            settings[name] = value
    return cls(**settings)


def _names(cls: Any) -> list[str]:
    names = (
        [field.name for field in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else []
    )
    return [*dict.fromkeys([*names, *inspect.signature(cls.__init__).parameters])]


def tiny_processor(kind: str, config: Any) -> Any:
    """An architecture's own image processor at the size of its tiny model."""
    names = IMAGE_PROCESSOR_MAPPING_NAMES.get(kind) or {"torchvision": BORROWED.get(kind, CLIP)}
    cls = getattr(hf, names.get("torchvision") or names["pil"])
    default = cls()
    settings: dict[str, Any] = {}
    for name in ("size", "crop_size", "max_image_size"):
        before = getattr(default, name, None)
        if isinstance(before, int):
            settings[name] = SIDE
        elif before:
            settings[name] = _small(dict(before), factor=2 if name == "size" else 1)
    vision = getattr(config, "vision_config", config)
    for name, value in {
        "patch_size": getattr(vision, "patch_size", PATCH),
        "merge_size": getattr(vision, "spatial_merge_size", None),
        "temporal_patch_size": getattr(vision, "temporal_patch_size", None),
        "image_grid_pinpoints": [[SIDE, SIDE], [SIDE, 2 * SIDE], [2 * SIDE, SIDE]],
        "max_num_patches": (SIDE // PATCH) ** 2,
        "pad_size": {"height": SIDE, "width": SIDE},
    }.items():
        if value is not None and getattr(default, name, None) is not None:
            settings[name] = value
    return cls(**(settings | PROCESSORS.get(kind, {})))


def _small(size: dict[str, Any], *, factor: int) -> dict[str, int]:
    size = {name: value for name, value in size.items() if value}
    if {"shortest_edge", "longest_edge"} <= set(size) and size["longest_edge"] > 10_000:
        return {"shortest_edge": SIDE**2, "longest_edge": (2 * SIDE) ** 2}
    if set(size) == {"longest_edge"}:
        return {"longest_edge": factor * SIDE}
    return dict.fromkeys(size, SIDE)


def tiny(rung: Rung, *, seed: int = 0) -> tuple[Any, Any]:
    """A model and its image processor."""
    config = tiny_config(rung.kind)
    torch.manual_seed(seed)
    return getattr(hf, rung.architecture)(config).eval(), tiny_processor(rung.kind, config)


def write(rung: Rung, folder: Path, *, seed: int = 0) -> None:
    """A model's folder, as `save_pretrained` writes it."""
    model, processor = tiny(rung, seed=seed)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
