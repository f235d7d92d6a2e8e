"""The ladder: each image-text-to-text architecture of transformers, and what its folder needs.

Data only; the keys are the model types of the configurations.
"""

from collections.abc import Mapping
from typing import Any

from tests.vlm.ladder.rung import Rung

SQUARE = {"height": 32, "width": 32}
FIXED = {"size": SQUARE}
CROPPED = {"size": {"shortest_edge": 32}, "crop_size": SQUARE}
PINPOINTS = [[32, 64], [64, 32], [64, 64]]
AREA = {"shortest_edge": 32 * 32, "longest_edge": 64 * 64}
GRID = {"patch_size": 8, "merge_size": 2, "size": AREA}
MROPE = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]}
IMAGE = {"image_token": "<image>"}
IMAGE_VIDEO = {"image_token": "<image>", "video_token": "<video>"}
QWEN = {
    "image_token": "<|image_pad|>",
    "video_token": "<|video_pad|>",
    "vision_start_token": "<|vision_start|>",
    "vision_end_token": "<|vision_end|>",
}
OMNI = QWEN | {
    "audio_token": "<|AUDIO|>",
    "vision_bos_token": "<|vision_bos|>",
    "vision_eos_token": "<|vision_eos|>",
    "audio_bos_token": "<|audio_bos|>",
    "audio_eos_token": "<|audio_eos|>",
}
QWEN_IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
GLM = {
    "image_token": "<|image|>",
    "video_token": "<|video|>",
    "image_start_token": "<|begin_of_image|>",
    "image_end_token": "<|end_of_image|>",
    "video_start_token": "<|begin_of_video|>",
    "video_end_token": "<|end_of_video|>",
}
GLM_IMAGE = "<|begin_of_image|><|image|><|end_of_image|>"
INTERN = {
    "start_image_token": "<img>",
    "end_image_token": "</img>",
    "context_image_token": "<IMG_CONTEXT>",
    "video_token": "<video>",
}
GEMMA = {
    "image_token": "<image_soft_token>",
    "boi_token": "<start_of_image>",
    "eoi_token": "<end_of_image>",
    "audio_token": "<audio_soft_token>",
    "boa_token": "<start_of_audio>",
    "eoa_token": "<end_of_audio>",
}
NEWLINES = ("\n", "\n\n", "\n\n\n", "\n\n\n\n")
"""Gemma 3 has a token for each; vLLM looks them up."""
GEMMA4 = {
    "boi_token": "<|image>",
    "image_token": "<|image|>",
    "eoi_token": "<image|>",
    "boa_token": "<|audio>",
    "audio_token": "<|audio|>",
    "eoa_token": "<audio|>",
}
GEMMA4_PIXELS = {"patch_size": 4, "pooling_kernel_size": 2, "max_soft_tokens": 70}
GEMMA4_TURNS = ("<|turn>", "<turn|>", "<|video|>")
MINICPM: Mapping[str, Any] = {
    "style": "chatml",
    "image": "<|image_pad|>\n",
    "named": {
        "image_token": "<|image_pad|>",
        "video_token": "<|video_pad|>",
        "image_start_token": "<image>",
        "image_end_token": "</image>",
        "slice_start_token": "<slice>",
        "slice_end_token": "</slice>",
        "image_id_start_token": "<image_id>",
        "image_id_end_token": "</image_id>",
    },
    "special": ("<|im_start|>", "<|im_end|>"),
    "pixels": {"scale_resolution": 32, "patch_size": 4, "max_slice_nums": 4},
    "video": {"scale_resolution": 32, "patch_size": 4},
    "config": {
        "insert_layer_id": 0,
        "vision_config": {"patch_size": 4},
        "text_config": {
            "layer_types": ["linear_attention", "full_attention"],
            "head_dim": 16,
            "rope_parameters": MROPE,
        },
    },
}
IDEFICS = ("<fake_token_around_image>", "<end_of_utterance>", "<global-img>")
OVIS = ("<IMG_ATOM>", "<IMG_START>", "<IMG_GRID>", "<IMG_COL>", "<IMG_ROW>", "<IMG_END>")
EMU3_TOKENS = tuple(f"<|visual token {number:06d}|>" for number in range(16))
TILES = tuple(f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5))
LLAVA = {"processor": {"patch_size": 8, "vision_feature_select_strategy": "default"}}
CLIP = {"num_additional_image_tokens": 1, **LLAVA["processor"]}
THETA = {"rope_type": "default", "rope_theta": 10000.0}


def _text(**changes: Any) -> Mapping[str, Any]:
    return {"text_config": changes}


def _qwen(**changes: Any) -> Rung:
    config: dict[str, Any] = {
        "text_config": {"rope_parameters": MROPE, "head_dim": 16},
        "vision_config": {},
        "tie_word_embeddings": True,
    }
    for part in ("text_config", "vision_config"):
        config[part] |= changes.pop(part, {})
    settings: dict[str, Any] = {
        "image": QWEN_IMAGE,
        "style": "chatml",
        "named": QWEN,
        "special": ("<|im_start|>", "<|im_end|>"),
        "config": config,
        "pixels": GRID,
        "video": GRID,
    }
    return Rung(**settings | changes)


def _glm(**changes: Any) -> Rung:
    config: dict[str, Any] = {
        "text_config": {"rope_parameters": MROPE | {"partial_rotary_factor": 1.0}},
        "vision_config": {},
    }
    for part in ("text_config", "vision_config"):
        config[part] |= changes.pop(part, {})
    settings: dict[str, Any] = {
        "image": GLM_IMAGE,
        "style": "glm",
        "named": GLM,
        "special": ("<|user|>", "<|assistant|>", "<|system|>"),
        "config": config,
        "pixels": GRID,
        "video": GRID,
        "processor_class": "Glm46VProcessor",
    }
    return Rung(**settings | changes)


MISSING = Rung(image=None)

RUNGS: Mapping[str, Rung] = {
    "aria": Rung(
        named=IMAGE,
        config={
            "projector_patch_to_query_dict": {"49": 8},
            "max_value_projector_patch_to_query_dict": 8,
            "vision_config": {"patch_size": 140, "image_size": 980},
        },
        processor={"size_conversion": {490: 8, 980: 8}},
    ),
    "aya_vision": Rung(
        style="cohere",
        named={"image_token": "<|IMG_PATCH|>"},
        special=("<image>", "<|START_OF_IMG|>", "<|END_OF_IMG|>", "<|IMG_LINE_BREAK|>"),
        image="<image>",
        pixels=FIXED,
        processor={"patch_size": 8, "img_size": 32, "downsample_factor": 2},
    ),
    "chameleon": Rung(
        image="<image>",
        named=IMAGE | {"boi_token": "<racm3:break>", "eoi_token": "<eoss>"},
        pixels=CROPPED,
        processor={"image_seq_length": 256},
        config={
            "vq_config": {
                "resolution": 32,
                "base_channels": 32,
                "channel_multiplier": [1, 2],
                "num_embeddings": 10,
            },
            "vocabulary_map": {"<image>": 4}
            | {f"IMGIMG{chr(65 + number)}Z": 7 + number for number in range(10)},
        },
        special=tuple(f"IMGIMG{chr(65 + number)}Z" for number in range(10)),
        refused="expected a finite gradient",
    ),
    "cohere2_vision": Rung(
        style="cohere",
        image="<|IMG_PATCH|>",
        named={
            "image_token": "<|IMG_PATCH|>",
            "boi_token": "<|START_OF_IMG|>",
            "eoi_token": "<|END_OF_IMG|>",
            "img_line_break_token": "<|IMG_LINE_BREAK|>",
        },
        pixels=FIXED | {"patch_size": 2, "max_patches": 4},
    ),
    "cohere_compass": _qwen(
        named={
            "image_token": "<|IMAGE_PAD|>",
            "video_token": "<|VIDEO_PAD|>",
            "vision_start_token": "<|VISION_START|>",
            "vision_end_token": "<|VISION_END|>",
        },
        image="<|VISION_START|><|IMAGE_PAD|><|VISION_END|>",
        style="cohere",
        special=(),
        text_config={"rope_parameters": {"full_attention": MROPE, "sliding_attention": MROPE}},
        vision_config={"deepstack_visual_indexes": [0]},
    ),
    "cosmos3_edge": _qwen(vision_config={"num_patches": 16}),
    "cosmos3_omni": _qwen(
        processor_class="Qwen3VLProcessor",
        vision_config={"deepstack_visual_indexes": [0], "num_position_embeddings": 64},
    ),
    "deepseek_vl": Rung(
        image="<image_placeholder>",
        named={"image_token": "<image_placeholder>"},
        pixels=FIXED,
        processor={"num_image_tokens": 16},
    ),
    "deepseek_vl_hybrid": Rung(
        image="<image_placeholder>",
        named={"image_token": "<image_placeholder>"},
        pixels=FIXED | {"high_res_size": {"height": 64, "width": 64}},
        processor={"num_image_tokens": 16},
        config={
            "high_res_vision_config": {
                "image_size": 64,
                "output_channels": 32,
                "global_attn_indexes": [1],
            }
        },
    ),
    "emu3": Rung(
        image="<image>",
        named=IMAGE
        | {
            "boi_token": "<|image start|>",
            "eoi_token": "<|image end|>",
            "image_wrapper_token": "<|image token|>",
            "eof_token": "<|extra_201|>",
        },
        special=("<|extra_200|>", *EMU3_TOKENS),
        image_class="Emu3ImageProcessor",
        pixels={"min_pixels": 32 * 32, "max_pixels": 64 * 64},
        config={
            "vq_config": {
                "base_channels": 64,
                "channel_multiplier": [1, 1, 1, 1],
                "codebook_size": len(EMU3_TOKENS),
            },
            "vocabulary_map": {"<image>": 4, "<|extra_200|>": 9}
            | {token: 10 + number for number, token in enumerate(EMU3_TOKENS)},
        },
        refused="expected a finite gradient",
    ),
    "ernie4_5_vl_moe": _qwen(
        named={
            "image_token": "<|IMAGE_PLACEHOLDER|>",
            "video_token": "<|VIDEO_PLACEHOLDER|>",
            "image_start_token": "<|IMAGE_START|>",
            "image_end_token": "<|IMAGE_END|>",
            "video_start_token": "<|VIDEO_START|>",
            "video_end_token": "<|VIDEO_END|>",
        },
        image="<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>",
        style="plain",
        special=(),
        text_config={
            "moe_intermediate_size": [96, 96],
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [3, 3, 2],
            },
        },
        video=GRID | {"draw_on_frames": False},
    ),
    "exaone4_5": _qwen(
        vision_config={"window_size": 32, "fullatt_block_indexes": [1]},
    ),
    "fast_vlm": Rung(
        named=IMAGE,
        needs=("timm",),
        processor_class="LlavaProcessor",
        image_class="CLIPImageProcessor",
        pixels={"size": {"shortest_edge": 128}, "crop_size": {"height": 128, "width": 128}},
        processor={"patch_size": 64, "vision_feature_select_strategy": "full"},
        config={
            "image_seq_length": 4,
            "vision_config": {
                "hidden_size": 128,
                "model_args": {
                    "inference_mode": True,
                    "layers": [1, 1, 1, 1, 1],
                    "embed_dims": [16, 16, 32, 32, 64],
                },
            },
        },
    ),
    "florence2": Rung(named=IMAGE, image=None, pixels=CROPPED, refused="chat template"),
    "gemma3": Rung(
        style="gemma",
        image="<start_of_image>",
        named=GEMMA,
        special=("<start_of_turn>", "<end_of_turn>", *NEWLINES),
        pixels=FIXED,
        processor={"image_seq_length": 4},
        config={"mm_tokens_per_image": 4},
    ),
    "gemma3n": Rung(
        style="gemma",
        needs=("timm",),
        image="<image_soft_token>",
        named=GEMMA,
        special=("<start_of_turn>", "<end_of_turn>"),
        pixels={"size": {"height": 64, "width": 64}},
        processor={"image_seq_length": 4},
        config={
            "vision_soft_tokens_per_image": 4,
            "text_config": {
                "num_hidden_layers": 4,
                "layer_types": ["sliding_attention", "full_attention"] * 2,
                "num_kv_shared_layers": 2,
                "intermediate_size": [96] * 4,
                "activation_sparsity_pattern": [0.5, 0.0, 0.0, 0.0],
                "sliding_window": 32,
                "hidden_size_per_layer_input": 16,
                "vocab_size_per_layer_input": 2000,
                "laurel_rank": 16,
            },
            "vision_config": {
                "hidden_size": 2048,
                "vocab_size": 128,
                "vocab_offset": 2000,
                "model_args": {"channel_multiplier": 0.05, "msfa_output_resolution": 2},
            },
            "audio_config": {
                "vocab_size": 128,
                "vocab_offset": 2128,
                "conf_num_hidden_layers": 1,
                "conf_num_attention_heads": 4,
                "sscp_conv_channel_size": [16, 8],
            },
        },
    ),
    "gemma4": Rung(
        style="gemma4",
        image="\n\n<|image|>\n\n",
        named=GEMMA4,
        special=GEMMA4_TURNS,
        ids={"video_token_id": "<|video|>"},
        pixels=GEMMA4_PIXELS,
        video=GEMMA4_PIXELS,
        config={
            "text_config": {
                "num_hidden_layers": 4,
                "layer_types": ["sliding_attention", "full_attention"] * 2,
                "num_kv_shared_layers": 2,
                "use_double_wide_mlp": True,
                "sliding_window": 32,
                "hidden_size_per_layer_input": 16,
                "vocab_size_per_layer_input": 2000,
                "per_layer_config": None,
                "head_dim": 32,
                "global_head_dim": 64,
            },
            "vision_config": {
                "hidden_size": 64,
                "intermediate_size": 96,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "num_key_value_heads": 4,
                "head_dim": 16,
                "patch_size": 4,
                "pooling_kernel_size": 2,
                "position_embedding_size": 128,
                "default_output_length": 70,
            },
        },
    ),
    "gemma4_unified": Rung(
        style="gemma4",
        image="\n\n<|image|>\n\n",
        named=GEMMA4,
        special=GEMMA4_TURNS,
        ids={"video_token_id": "<|video|>"},
        pixels=GEMMA4_PIXELS,
        video=GEMMA4_PIXELS,
        config={
            "text_config": {
                "layer_types": ["sliding_attention", "full_attention"],
                "sliding_window": 32,
                "per_layer_config": None,
                "global_head_dim": 32,
            },
            "vision_config": {
                "patch_size": 4,
                "pooling_kernel_size": 2,
                "mm_embed_dim": 64,
                "mm_posemb_size": 128,
                "output_proj_dims": 64,
            },
        },
    ),
    "glm46v": _glm(),
    "glm4v": _glm(processor_class=None),
    "glm4v_moe": _glm(
        processor_class=None, image_class="Glm4vImageProcessor", video_class="Glm4vVideoProcessor"
    ),
    "glm5_next": _glm(
        processor_class=None,
        text_config={
            "rope_parameters": None,
            "num_key_value_heads": 4,
            "layer_types": ["linear_attention", "indexed_attention"],
            "linear_num_heads": 4,
            "linear_head_dim": 16,
            "index_n_heads": 2,
            "index_head_dim": 16,
        },
    ),
    "glm_ocr": _glm(image_class="Glm46VImageProcessor", video_class="Glm46VVideoProcessor"),
    "glmga": _glm(),
    "got_ocr2": Rung(
        style="chatml",
        image="<img><imgpad></img>",
        named={"image_token": "<imgpad>"},
        special=("<img>", "</img>", "<|im_start|>", "<|im_end|>"),
        pixels=FIXED,
        refused="Nested images are only supported",
    ),
    "granite4_vision": Rung(
        named=IMAGE,
        pixels=CROPPED | {"image_grid_pinpoints": PINPOINTS},
        config={
            "image_grid_pinpoints": PINPOINTS,
            "text_config": {"model_type": "granite4_vision_text"},
            "spatial_target_layers": [0, 0, 1, 1],
            "deepstack_layer_map": [[-1, 0]],
            "downsample_rate": "1/2",
            "vision_feature_select_strategy": "full",
        },
        processor={
            "patch_size": 8,
            "vision_feature_select_strategy": "full",
            "downsample_rate": "1/2",
        },
    ),
    "hunyuan_vl": Rung(
        image="<|im_s|><|image|><|im_e|>",
        named={
            "image_token": "<|image|>",
            "image_start_token": "<|im_s|>",
            "image_end_token": "<|im_e|>",
        },
        ids={"im_start_id": "<|im_s|>", "im_end_id": "<|im_e|>", "im_newline_id": "<|nl|>"},
        special=("<|nl|>",),
        config={
            "text_config": {
                "head_dim": 16,
                "rope_parameters": {
                    "rope_type": "default",
                    "rope_theta": 10000.0,
                    "mrope_section": [2, 2, 2, 2],
                },
            }
        },
        pixels=GRID,
    ),
    "hyperclovax_vision_v2": _qwen(vision_config={"window_size": 32, "fullatt_block_indexes": [1]}),
    "idefics": Rung(
        named=IMAGE, image="<image>", pixels={"size": SQUARE}, refused="takes a picture as a tensor"
    ),
    "idefics2": Rung(
        named=IMAGE | {"image_boundary_token": "<fake_token_around_image>"},
        special=IDEFICS,
        image="<image>",
        pixels={"size": {"shortest_edge": 24, "longest_edge": 32}},
        processor={"image_seq_len": 4},
        config={
            "perceiver_config": {
                "resampler_n_latents": 4,
                "resampler_n_heads": 4,
                "resampler_head_dim": 16,
            }
        },
    ),
    "idefics3": Rung(
        image="<image>",
        named=IMAGE,
        special=IDEFICS + TILES,
        pixels={"size": {"longest_edge": 64}, "max_image_size": {"longest_edge": 32}},
        processor={"image_seq_len": 4},
    ),
    "inkling_mm_model": Rung(
        image="<|content_image|><|unused_200054|>",
        named={"image_token": "<|unused_200054|>", "audio_token": "<|unused_200053|>"},
        special=("<|content_image|>", "<|content_audio_input|>"),
        pixels={"size": SQUARE},
        refused="cannot carry a trigger",
    ),
    "internvl": Rung(
        style="chatml",
        image="<IMG_CONTEXT>\n",
        named=INTERN,
        ids={"image_token_id": "<IMG_CONTEXT>"},
        special=("<|im_start|>", "<|im_end|>"),
        pixels=FIXED | {"crop_to_patches": True, "max_patches": 4},
        processor={"image_seq_length": 4},
    ),
    "janus": Rung(
        image="<image_placeholder>\n",
        named={
            "image_token": "<image_placeholder>",
            "boi_token": "<begin_of_image>",
            "eoi_token": "<end_of_image>",
        },
        config={
            "vq_config": {
                "base_channels": 32,
                "channel_multiplier": [1, 2],
                "num_embeddings": 16,
                "num_patches": 16,
                "image_token_embed_dim": 64,
            },
            "vision_config": {"num_image_tokens": 16},
        },
        pixels=FIXED,
        processor={"num_image_tokens": 16},
    ),
    "kimi_k25": Rung(
        image="<|media_pad|>",
        style="chatml",
        named={"image_token": "<|media_pad|>", "video_token": "<|video_pad|>"},
        pixels={"patch_size": 8, "max_patches": 64},
        config={"text_config": {"qk_rope_head_dim": 8, "head_dim": 8, "num_key_value_heads": 4}},
    ),
    "lfm2_vl": Rung(
        image="<image>",
        style="chatml",
        named=IMAGE,
        special=("<|image_start|>", "<|image_end|>", "<|img_thumbnail|>"),
        pixels={
            "size": SQUARE,
            "tile_size": 32,
            "encoder_patch_size": 8,
            "max_image_tokens": 16,
            "min_image_tokens": 4,
        },
    ),
    "lighton_ocr": Rung(
        style="chatml",
        image="<|image_pad|>",
        named={
            "image_token": "<|image_pad|>",
            "image_break_token": "<|vision_pad|>",
            "image_end_token": "<|vision_end|>",
        },
        pixels={"patch_size": 8, "size": {"longest_edge": 64}},
        processor={"patch_size": 8},
    ),
    "llama4": Rung(
        style="llama",
        image="<|image|>",
        named=IMAGE | {"image_token": "<|patch|>"},
        special=(
            "<|image|>",
            "<|image_start|>",
            "<|image_end|>",
            "<|tile_x_separator|>",
            "<|tile_y_separator|>",
        ),
        pixels=FIXED | {"max_patches": 4},
        processor={"patch_size": 8},
        config={"vision_config": {"intermediate_size": 256}},
    ),
    "llava": Rung(named=IMAGE, image_class="CLIPImageProcessor", pixels=CROPPED, processor=CLIP),
    "llava_next": Rung(
        named=IMAGE,
        pixels=CROPPED | {"image_grid_pinpoints": PINPOINTS},
        config={"image_grid_pinpoints": PINPOINTS},
        processor=CLIP,
    ),
    "llava_next_video": Rung(
        named=IMAGE_VIDEO,
        pixels=CROPPED | {"image_grid_pinpoints": PINPOINTS},
        config={"image_grid_pinpoints": PINPOINTS},
        processor=CLIP,
    ),
    "llava_onevision": Rung(
        style="chatml",
        named=IMAGE_VIDEO,
        pixels=FIXED | {"image_grid_pinpoints": PINPOINTS},
        config={"image_grid_pinpoints": PINPOINTS},
        processor={"num_image_tokens": 16, "vision_feature_select_strategy": "full"},
    ),
    "minicpmv4_6": Rung(**MINICPM),
    "minicpmv4_7": Rung(
        ids={
            "image_start_id": "<image>",
            "image_end_id": "</image>",
            "slice_start_id": "<slice>",
            "slice_end_id": "</slice>",
            "newline_id": "\n",
        },
        image_class="MiniCPMV4_6ImageProcessor",
        video_class="MiniCPMV4_6VideoProcessor",
        **MINICPM,
    ),
    "minimax_m3_vl": Rung(
        image="]<]image[>[",
        named={"image_token": "]<]image[>[", "video_token": "]<]video[>["},
        pixels=GRID,
        config={"merged_hidden_size": 256},
    ),
    "mistral3": Rung(
        style="mistral",
        image="[IMG]",
        named={"image_token": "[IMG]"},
        special=("[IMG_BREAK]", "[IMG_END]", "[INST]", "[/INST]"),
        pixels={"patch_size": 8, "size": {"longest_edge": 64}},
        processor={"patch_size": 8, "spatial_merge_size": 2},
    ),
    "mllama": Rung(
        style="llama",
        image="<|image|>",
        named={"image_token": "<|image|>"},
        special=("<|python_tag|>",),
        pixels=FIXED | {"max_image_tiles": 4},
        config={
            "vision_config": {
                "num_global_layers": 1,
                "intermediate_layers_indices": [0],
                "vision_output_dim": 128,
            },
            "text_config": {"cross_attention_layers": [1]},
        },
    ),
    "muse_glimmer": Rung(
        image="<|patch|>",
        named={"image_token": "<|patch|>", "video_token": "<|video|>"},
        special=(
            "<|image_start|>",
            "<|image_end|>",
            "<|vid_frame_separator|>",
            "<|vid_start|>",
            "<|vid_end|>",
        ),
        config={"out_hidden_size": 256},
        pixels={"patch_size": 8, "max_image_tokens": 16},
    ),
    "nemotron_h_omni": Rung(
        style="chatml",
        image="<image>\n",
        named=IMAGE_VIDEO
        | {
            "audio_token": "<so_embedding>",
            "image_start_token": "<img>",
            "image_end_token": "</img>",
        },
        special=("<so_start>", "<so_end>", "<|im_start|>", "<|im_end|>"),
        needs=("librosa",),
        audio_class="ParakeetFeatureExtractor",
        pixels={"patch_size": 8, "min_num_patches": 16, "max_num_patches": 64},
        config={
            "vision_config": {"max_img_size": 64},
            "text_config": {
                "layers_block_type": ["mamba", "attention", "moe"],
                "ssm_state_size": 16,
                "mamba_num_heads": 8,
                "mamba_head_dim": 16,
                "n_groups": 2,
                "chunk_size": 16,
            },
        },
    ),
    "ovis2": Rung(
        style="chatml",
        image="<image>\n",
        named=IMAGE,
        special=OVIS,
        ids={"image_token_id": "<IMG_ATOM>"},
        config={"visual_indicator_token_ids": [6, 7, 8, 9, 10]},
        pixels=FIXED,
        processor={"image_seq_length": 16},
    ),
    "paddleocr_vl": _qwen(named=QWEN),
    "paligemma": Rung(named=IMAGE, image="<image>", pixels=FIXED | {"image_seq_length": 16}),
    "perception_lm": Rung(
        style="llama",
        image="<|image|>",
        needs=("timm",),
        named={"image_token": "<|image|>", "video_token": "<|video|>"},
        pixels={"tile_size": 32, "max_num_tiles": 4, "size": SQUARE},
        processor={"patch_size": 8, "pooling_ratio": 2},
        config={
            "projector_pooling_ratio": 2,
            "vision_config": {
                "architecture": "vit_pe_core_tiny_patch16_384",
                "do_pooling": False,
                "model_args": {
                    "embed_dim": 64,
                    "num_heads": 4,
                    "depth": 2,
                    "patch_size": 8,
                    "img_size": [32, 32],
                    "ref_feat_shape": [4, 4],
                    "global_pool": "",
                    "use_post_transformer_norm": False,
                    "init_values": 0.1,
                },
            },
        },
    ),
    "pp_chart2table": Rung(
        style="chatml",
        image="<img><imgpad></img>",
        named={"image_token": "<imgpad>"},
        special=("<img>", "</img>", "<|im_start|>", "<|im_end|>"),
        pixels=FIXED,
    ),
    "qianfan_ocr": Rung(
        style="chatml",
        image="<image>\n",
        named=INTERN,
        ids={"image_token_id": "<IMG_CONTEXT>"},
        special=("<image>",),
        pixels=FIXED | {"crop_to_patches": True, "max_patches": 4},
        processor={"image_seq_length": 4},
    ),
    "qwen2_5_omni_thinker": _qwen(
        processor_class="Qwen2_5OmniProcessor",
        image_class="Qwen2VLImageProcessor",
        video_class="Qwen2VLVideoProcessor",
        audio_class="WhisperFeatureExtractor",
        named=OMNI,
        ids={"vision_start_token_id": "<|vision_start|>"},
    ),
    "qwen2_5_vl": _qwen(vision_config={"window_size": 32, "fullatt_block_indexes": [1]}),
    "qwen2_vl": _qwen(),
    "qwen3_5": _qwen(text_config={"layer_types": ["linear_attention", "full_attention"]}),
    "qwen3_5_moe": _qwen(text_config={"layer_types": ["linear_attention", "full_attention"]}),
    "qwen3_omni_moe_thinker": _qwen(
        processor_class="Qwen3OmniMoeProcessor",
        image_class="Qwen2VLImageProcessor",
        video_class="Qwen2VLVideoProcessor",
        audio_class="WhisperFeatureExtractor",
        named=OMNI,
        ids={"vision_start_token_id": "<|vision_start|>"},
    ),
    "qwen3_vl": _qwen(
        vision_config={"deepstack_visual_indexes": [0], "num_position_embeddings": 64}
    ),
    "qwen3_vl_moe": _qwen(
        image_class="Qwen2VLImageProcessor",
        vision_config={"deepstack_visual_indexes": [0], "num_position_embeddings": 64},
    ),
    "qwen4_exp": _qwen(
        text_config={
            "layer_types": ["linear_attention", "indexed_attention"],
            "indexer_budget": 64,
            "indexer_compress_ratio": 4,
            "indexer_n_heads": 2,
            "indexer_kv_heads": 1,
            "indexer_head_dim": 16,
        }
    ),
    "shieldgemma2": Rung(
        style="gemma",
        image="<start_of_image>",
        named=GEMMA,
        processor_class="ShieldGemma2Processor",
        pixels=FIXED,
        processor={"image_seq_length": 4},
        config={"mm_tokens_per_image": 4},
        refused="expected all weights of",
    ),
    "smolvlm": Rung(
        image="<image>",
        named=IMAGE,
        needs=("num2words",),
        special=(*IDEFICS, *TILES, "<video>"),
        pixels={"size": {"longest_edge": 64}, "max_image_size": {"longest_edge": 32}},
        processor={"image_seq_len": 4},
    ),
    "step3p7": Rung(
        image="<im_patch>",
        named={"image_token": "<im_patch>"},
        special=("<im_start>", "<im_end>", "<patch_start>", "<patch_end>", "<patch_newline>"),
        pixels={"size": SQUARE, "patch_size": 16, "vision_patch_size": 4, "downsampler_stride": 4},
        config={
            "vision_config": {"patch_size": 4},
            "text_config": {
                "sliding_window": 16,
                "layer_types": ["full_attention", "full_attention"],
                "mlp_layer_types": ["dense", "sparse"],
            },
        },
    ),
    "t5gemma2": Rung(
        style="gemma",
        image="<start_of_image>",
        named=GEMMA,
        pixels=FIXED,
        processor={"image_seq_length": 4},
        refused="encoder with a decoder of its own",
    ),
    "video_llama_3": _qwen(config={}, pixels=GRID | {"merge_size": 1}),
    "video_llava": Rung(
        named=IMAGE_VIDEO,
        pixels={"size": {"shortest_edge": 32}, "crop_size": SQUARE},
        processor={"patch_size": 8},
        refused="expected a finite gradient",
    ),
    "vipllava": Rung(
        named=IMAGE,
        image_class="CLIPImageProcessor",
        pixels=CROPPED,
        processor=CLIP,
        config={"vision_feature_layers": [-1, -2]},
    ),
    "blip": Rung(image=None, pixels=FIXED, ids={}, refused="chat template"),
    "blip-2": Rung(image=None, pixels=FIXED, named=IMAGE, refused="chat template"),
    "git": Rung(image=None, pixels=CROPPED, refused="chat template"),
    "fuyu": Rung(
        image=None,
        special=("|SPEAKER|", "|NEWLINE|"),
        pixels={"patch_size": SQUARE},
        refused="chat template",
    ),
    "kosmos-2": Rung(
        image=None, pixels=CROPPED, processor_class="Kosmos2Processor", refused="chat template"
    ),
    "pix2struct": Rung(image=None, refused="chat template"),
    "udop": Rung(image=None, pixels=FIXED | {"apply_ocr": False}, refused="chat template"),
    "pp_formulanet": Rung(image=None, pixels=FIXED, refused="chat template"),
}

OUTSIDE: Mapping[str, str] = {
    "deepseek_ocr2": "takes pictures of 1,024 pixels only, too slow as a tiny model",
    "diffusion_gemma": "writes by diffusion, not one word after the other",
    "evolla": "is asked about proteins, not pictures",
    "instructblip": "takes one picture with plain text, no chat",
    "instructblipvideo": "takes videos",
    "kosmos-2.5": "reads documents, no chat",
    "mistral4": "a language model, its pictures come by mistral3",
    "pi0": "moves robots",
    "vision-encoder-decoder": "a shell for any encoder and decoder, without a processor",
}
"""Architectures of the mapping without a rung, and why."""

ROBBED: Mapping[str, tuple[str, ...]] = {
    "llava": ("language_model.model.layers.0.", "vision_tower.vision_model.encoder."),
    "llava_next": ("language_model.model.layers.0.", "vision_tower.vision_model.encoder."),
    "qwen2_5_vl": ("model.layers.0.", "visual.blocks.0."),
    "gemma3": ("language_model.model.layers.0.", "vision_tower.vision_model.encoder."),
    "gemma4": ("model.language_model.layers.0.", "model.vision_tower.encoder."),
    "llama4": ("language_model.model.layers.0.", "vision_model.model.layers.0."),
    "internvl": ("language_model.model.layers.0.", "vision_tower.encoder."),
    "idefics3": ("model.text_model.layers.0.", "model.vision_model.encoder.", "model.connector."),
}
"""Architectures that thieves are tried on, and how the hub's files begin names of tensors."""
