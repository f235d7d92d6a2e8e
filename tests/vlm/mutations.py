"""What may be wrong with a model's folder: a table of changes, each a function of the folder.

Values of other kinds and sizes in every file, files that are gone, empty, halved or something else,
headers that lie, weights of other kinds, and settings that ask for what nobody has.
"""

import json
import shutil
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

Change = Callable[[Path], object]
GONE = object()
ODD: tuple[object, ...] = (GONE, None, "x\x1b[2J", -1, 0, 10**9, 10**30, 0.5, True, [], {})
PARTS = ("text_config", "vision_config")
OF_PARTS = (
    *("hidden_size", "num_attention_heads", "num_key_value_heads", "num_hidden_layers", "depth"),
    *("intermediate_size", "patch_size", "image_size", "vocab_size", "head_dim", "hidden_act"),
    *("rms_norm_eps", "rope_parameters", "max_position_embeddings", "model_type", "num_channels"),
)
OF_CONFIG = (
    *("image_token_id", "image_token_index", "vision_feature_layer", "dtype", "torch_dtype"),
    *("vision_feature_select_strategy", "architectures", "model_type", "tie_word_embeddings"),
    *("text_config", "vision_config", "auto_map", "quantization_config", "projector_hidden_act"),
)
QUANTISED: tuple[object, ...] = (
    *({"quant_method": name} for name in ("x", "gptq", "awq", "fp8", "mxfp4", "hqq", 3, None)),
    {"quant_method": "bitsandbytes", "load_in_4bit": "x", "bnb_4bit_quant_type": "y"},
    {"quant_method": "bitsandbytes", "load_in_4bit": True},
    {"quant_method": "compressed-tensors", "config_groups": 3},
    {"quant_method": "torchao", "quant_type": {}},
)
OF_PROCESSOR = (
    *("image_token", "patch_size", "num_additional_image_tokens", "image_processor"),
    *("vision_feature_select_strategy", "processor_class"),
)
OF_PICTURES = (
    *("size", "crop_size", "image_mean", "image_std", "rescale_factor", "resample", "merge_size"),
    *("patch_size", "temporal_patch_size", "min_pixels", "max_pixels", "image_processor_type"),
)
OF_TOKENIZER = ("model", "added_tokens", "normalizer", "pre_tokenizer", "decoder", "truncation")
OF_WORDS = (
    *("tokenizer_class", "bos_token", "eos_token", "pad_token", "model_max_length", "image_token"),
    *("added_tokens_decoder", "extra_special_tokens", "padding_side"),
)
OF_GENERATION = (
    *("eos_token_id", "pad_token_id", "max_length", "num_beams", "bad_words_ids", "stop_strings"),
    *("cache_implementation", "suppress_tokens", "num_return_sequences", "assistant_model"),
)
FILES = (
    *("config.json", "tokenizer.json", "tokenizer_config.json", "processor_config.json"),
    *("generation_config.json", "chat_template.jinja", "model.safetensors"),
)


def mutations() -> dict[str, Change]:
    """All of them, by what they do."""
    return dict([*_settings(), *_files(), *_weights(), *_tokenizers()])


def _settings() -> Iterator[tuple[str, Change]]:
    tables: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
        *(("config.json", (part,), OF_PARTS) for part in PARTS),
        ("config.json", (), OF_CONFIG),
        ("processor_config.json", (), OF_PROCESSOR),
        ("processor_config.json", ("image_processor",), OF_PICTURES),
        ("tokenizer.json", (), OF_TOKENIZER),
        ("tokenizer_config.json", (), OF_WORDS),
        ("generation_config.json", (), OF_GENERATION),
    ]
    for file, way, names in tables:
        for name in names:
            for value in ODD:
                shown = "gone" if value is GONE else ascii(value)
                where = ".".join((*way, name))
                yield f"{file} {where} {shown}", partial(_put, file, (*way, name), value)
    for value in QUANTISED:
        label = f"config.json quantization_config {value}"
        yield label, partial(_put, "config.json", ("quantization_config",), value)


def _files() -> Iterator[tuple[str, Change]]:
    for name in FILES:
        yield f"{name} gone", lambda folder, name=name: (folder / name).unlink()
        yield f"{name} a folder", partial(_folder_instead, name)
        yield f"{name} halved", partial(_halved, name)
        for words in (b"", b"[1]", b"null", b'"x"', '{"a":1}'.encode("utf-16"), b"\xff\xfe\x00"):
            yield (
                f"{name} {words!r}",
                lambda folder, name=name, words=words: (folder / name).write_bytes(words),
            )


def _weights() -> Iterator[tuple[str, Change]]:
    kinds = (
        *(torch.float64, torch.int8, torch.uint8, torch.bool, torch.float8_e4m3fn),
        torch.complex64,
    )
    for kind in kinds:
        yield f"weights in {kind}", _each(lambda it, kind=kind: it.float().to(kind))
    yield "weights zero", _each(lambda it: it * 0)
    yield "weights no numbers", _each(lambda it: it * torch.nan)
    yield "weights empty", _each(lambda it: it.flatten()[:0])
    yield "weights of one number", _each(lambda it: it.flatten()[0].clone())
    yield "weights turned", _each(lambda it: it.T.contiguous() if it.dim() == 2 else it)
    yield "weights half missing", _all(lambda all_of: dict(sorted(all_of.items())[::2]))
    yield "weights swapped", _all(_swapped)
    yield "header of a giant", partial(_header, {"shape": [10**12]})
    yield "header beyond the file", partial(_header, {"data_offsets": [0, 2**60]})
    yield "header of an unknown kind", partial(_header, {"dtype": "X9"})
    yield "header of negative sizes", partial(_header, {"shape": [-1, -1]})
    yield (
        "header without end",
        lambda folder: (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}"),
    )


def _tokenizers() -> Iterator[tuple[str, Change]]:
    blow = {"type": "Replace", "pattern": {"Regex": "."}, "content": "aaaaaaaaaa"}
    many = {"type": "Sequence", "normalizers": [blow] * 5}
    yield "a normaliser that multiplies", partial(_put, "tokenizer.json", ("normalizer",), many)
    short = {"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0}
    yield "a tokenizer of one word", partial(_put, "tokenizer.json", ("truncation",), short)


def _put(file: str, way: tuple[str, ...], value: object, folder: Path) -> None:
    words = json.loads((folder / file).read_text())
    place: Any = words
    for name in way[:-1]:
        place = place.setdefault(name, {})
    place.pop(way[-1], None)
    if value is not GONE:
        place[way[-1]] = value
    (folder / file).write_text(json.dumps(words))


def _folder_instead(name: str, folder: Path) -> None:
    (folder / name).unlink()
    (folder / name).mkdir()


def _halved(name: str, folder: Path) -> None:
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])


def _all(change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> Change:
    def go(folder: Path) -> None:
        file = folder / "model.safetensors"
        save_file(change(load_file(file)), file, metadata={"format": "pt"})

    return go


def _each(change: Callable[[Tensor], Tensor]) -> Change:
    return _all(lambda all_of: {name: change(tensor) for name, tensor in all_of.items()})


def _swapped(all_of: dict[str, Tensor]) -> dict[str, Tensor]:
    names = sorted(all_of)
    return {name: all_of[other] for name, other in zip(names, [*names[1:], names[0]], strict=True)}


def _header(entries: dict[str, object], folder: Path) -> None:
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    header = json.loads(whole[8 : 8 + length])
    first = min(name for name in header if name != "__metadata__")
    header[first] |= entries
    words = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(words)) + words + whole[8 + length :])


def copied(folder: Path, copy: Path) -> Path:
    """A fresh copy of a folder, in place of an earlier one."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    return copy
