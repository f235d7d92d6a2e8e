"""Model folders: loading any image-text model, and saving it so that transformers and vLLM read it.

Knows the hub's layouts; knows nothing of devices' speed, keys or triggers.
"""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file

from sif.errors import ModelError, StorageError
from sif.files import whole_folder
from sif.vlm.adapter import HUB_ID, Parts, bare_model, parts_of, wear
from sif.vlm.chat import PROBE, require_template, spell
from sif.vlm.completion import complete, refuse_endless
from sif.vlm.foreign import FOREIGN, READING, WithKinds
from sif.vlm.gguf import refuse_gguf
from sif.vlm.head import sees_rows
from sif.vlm.loading import load_weights
from sif.vlm.picture_bounds import refuse_blow_up
from sif.vlm.plain_words import first_line as first_line
from sif.vlm.quantised import raw_config
from sif.vlm.stored import refuse_giant
from sif.vlm.tokenizer_guard import guard, refuse_wild_tokenizer

ORIGINAL: Final = re.compile(r"Llava(Llama|Mistral|Mpt|Qwen|Gemma)\w*ForCausalLM")
# Libraries that tokenizers are read with, and their packages.
OF_TOKENIZERS: Final = {
    "sentencepiece": "sentencepiece",
    "protobuf": "google.protobuf",
    "tiktoken": "tiktoken",
}
OF_PROCESSORS: Final = ("processor_config.json", "preprocessor_config.json")
OF_WORDS: Final = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "tekken.json")
FROM: Final = "from the model's own release"
CODE: Final = re.compile("custom code|trust_remote_code", re.I)
HUB_TOWERS: Final = ("clip_vision_model", "siglip_vision_model")
HUB_PREFIXES = (("vision_tower.", "vision_tower.vision_model."),)


def load_model(
    source: str | Path,
    *,
    dtype: torch.dtype | str = "auto",
    base: str | None = None,
    **options: Any,
) -> Any:
    """An image-text-to-text model in evaluation mode, by folder or hub id; never remote code.

    An adapter of PEFT is put over its base and merged into it.

    Args:
        source: a folder or a hub id, of a model or of an adapter.
        dtype: precision of the weights; "auto" keeps that of the files.
        base: the adapter's base; by what the adapter says where None.
        options: handed on to `from_pretrained` (device_map, quantization_config, …).

    Raises:
        ModelError: nothing there, not an image-text model, or weights that are damaged, missing,
            of other shapes, or left out though they matter.
    """
    from transformers import AutoModelForImageTextToText
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    parts = parts_of(source, base)
    config = load_config(source, base=base)
    kinds = AutoModelForImageTextToText._model_mapping
    if type(config) not in kinds:
        raise ModelError(
            f"expected a vision-language model at {source}, got a {config.model_type!r} model, "
            "which takes no images; name the LVLM itself, not its language model"
        )
    refuse_giant(AutoModelForImageTextToText, config, parts.model)
    model = load_whole(AutoModelForImageTextToText, parts, dtype=dtype, **options)
    sees_rows(model)
    return model


def load_whole(kind: Any, parts: Parts, **options: Any) -> Any:
    """A model of some class in evaluation mode, with its adapter merged into it.

    Raises:
        ModelError: as of `load_weights` and `wear`.
    """
    with bare_model(parts) as place:
        model = load_weights(kind, place, **options)
    return (model if parts.adapter is None else wear(model, parts.adapter)).eval()


def load_config(source: str | Path, *, base: str | None = None) -> Any:
    """The configuration of a model; that of its base where it is an adapter.

    Args:
        source: a folder or a hub id, of a model or of an adapter.
        base: the adapter's base; by what the adapter says where None.

    Raises:
        ModelError: no such folder or hub id, no readable configuration, or one that transformers
            reads as something else.
    """
    from transformers import AutoConfig

    parts = parts_of(source, base)
    refuse_gguf(source)
    place = parts.model
    _refuse_file(place)
    _refuse_original_llava(place)
    try:
        return AutoConfig.from_pretrained(place, trust_remote_code=False)
    except READING as error:
        _refuse_typo(parts, error, is_path=isinstance(source, Path))
        raise ModelError(
            f"cannot read the config.json of {source}: {_why(error, 'config.json')}"
        ) from error


def load_processor(source: str | Path, *, base: str | None = None) -> Any:
    """The processor (image processor, tokenizer, chat template) of a model.

    What its files lack and the model's configuration says is filled in. That of an adapter is its
    own where its folder holds one, and its base's otherwise. Its tokenizer is guarded and its image
    processor tried.

    Raises:
        ModelError: it has none, or it is damaged.
    """
    from transformers import AutoProcessor

    parts = parts_of(source, base)
    refuse_gguf(source)
    own = parts.adapter is not None and any(
        (parts.adapter / name).is_file() for name in OF_PROCESSORS
    )
    place = str(parts.adapter) if own else parts.model
    refuse_wild_tokenizer(place, source)
    try:
        with WithKinds():
            processor = AutoProcessor.from_pretrained(place, trust_remote_code=False)
    except READING as error:
        _refuse_typo(parts, error, is_path=isinstance(source, Path))
        load_config(source, base=base)  # where that is at fault, it says so
        raise ModelError(
            f"cannot load the processor of {source}: {_without_library(error, Path(place))}"
        ) from error
    complete(processor, parts.model, source)
    guard(getattr(processor, "tokenizer", processor), source)
    if hasattr(processor, "image_processor"):
        refuse_blow_up(processor.image_processor, source)
    return processor


def load_chat_processor(source: str | Path, *, base: str | None = None) -> Any:
    """The processor of a model that is asked about pictures in its own chat template.

    Raises:
        ModelError: none, a damaged one, or one whose template cannot show a picture and words.
    """
    processor = load_processor(source, base=base)
    config = load_config(source, base=base)
    _require_both(processor, source)
    refuse_endless(processor, source)
    require_template(processor, source, config)
    try:
        processor.tokenizer([spell(processor, PROBE)])
    except FOREIGN as error:
        raise ModelError(
            f"the tokenizer of {source} cannot cut a turn: {first_line(error)}"
        ) from error
    return processor


def save_model(model: Any, processor: Any, folder: Path, **files: str) -> None:
    """Writes a plain model folder in the hub's layout; it appears whole or not at all.

    Args:
        model: a transformers model with ordinary (unquantised, merged) weights.
        processor: its processor.
        folder: must not exist yet.
        files: further text files, name (with "__" for a dot) to content.

    Raises:
        StorageError: the folder exists, or the disk refuses.
    """
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    if folder.exists():
        raise StorageError(f"{folder} exists already; name another folder or remove it first")
    with whole_folder(folder) as place:
        model.save_pretrained(place)
        processor.save_pretrained(place)
        _to_hub_layout(place)
        for name, text in files.items():
            (place / name.replace("__", ".")).write_text(text, encoding="utf-8")


def _to_hub_layout(folder: Path) -> None:
    """Renames the tensors of a CLIP or SigLIP tower to the hub's names, which vLLM insists on."""
    config = json.loads((folder / "config.json").read_text())
    if (config.get("vision_config") or {}).get("model_type") not in HUB_TOWERS:
        return
    for file in folder.glob("*.safetensors"):
        save_file(
            {_hub_name(name): tensor for name, tensor in load_file(file).items()},
            file,
            metadata={"format": "pt"},
        )
    index = folder / "model.safetensors.index.json"
    if index.exists():
        table = json.loads(index.read_text())
        table["weight_map"] = {_hub_name(k): v for k, v in table["weight_map"].items()}
        index.write_text(json.dumps(table, indent=2))


def _hub_name(name: str) -> str:
    for ours, hub in HUB_PREFIXES:
        if name.startswith(ours) and not name.startswith(hub):
            return hub + name.removeprefix(ours)
    return name


def _refuse_original_llava(source: str | Path) -> None:
    """The layout of LLaVA's own code, which transformers takes for its own with random weights.

    Raises:
        ModelError: it is one; asked before any weights are fetched.
    """
    words = raw_config(source)
    named = words.get("architectures")
    kinds = named if isinstance(named, list) else []
    if "mm_vision_tower" in words or any(ORIGINAL.fullmatch(str(kind)) for kind in kinds):
        raise ModelError(
            f"expected a model in the layout of transformers at {source}, got one in that of "
            "LLaVA's own code (mm_vision_tower); name its conversion, whose name ends in -hf on "
            "the hub (llava-hf/…), or convert it with convert_llava_weights_to_hf.py of "
            "transformers"
        )


def _require_both(processor: Any, source: str | Path) -> None:
    """A name that transformers does not know gives the tokenizer or the image processor alone.

    Raises:
        ModelError: one of the two is missing.
    """
    if not (hasattr(processor, "image_processor") and hasattr(processor, "tokenizer")):
        raise ModelError(
            f"expected a processor of pictures and words in {source}, got a "
            f"{type(processor).__name__} alone; take processor_config.json and "
            "preprocessor_config.json from the model's own release"
        )


def _why(error: Exception, files: str) -> str:
    """What a library says; where it asks for leave to run a folder's code, what to do instead."""
    if CODE.search(str(error)):
        return (
            "transformers has no class of its own for it, and the code beside it (auto_map) is a "
            "stranger's and is not run; name its conversion to transformers' own classes, or serve "
            "it elsewhere and name the server (openai:)"
        )
    return f"{first_line(error)}; take {files} {FROM}"


def _without_library(error: Exception, place: Path) -> str:
    """What a processor failed for; a library that its tokenizer needs, with how to get it."""
    if place.is_dir():
        for names in (OF_PROCESSORS, OF_WORDS):
            if not any((place / name).is_file() for name in names):
                return f"expected {' or '.join(names)} in it, got none; take them {FROM}"
    pieces = (place / "tokenizer.model").is_file() and not (place / "tokenizer.json").is_file()
    for name, package in OF_TOKENIZERS.items():
        wanted = name in str(error).lower() or (pieces and name != "tiktoken")
        if wanted and not _is_installed(package):
            return f"its tokenizer needs {name}, which is not installed; pip install {name}"
    return _why(error, "the files of processor and tokenizer")


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # not even the package around it
        return False


def _refuse_file(name: str) -> None:
    if Path(name).expanduser().is_file():
        raise ModelError(
            f"expected a model folder, got {name!r}, which is a file; name the folder around it"
        )


def _refuse_typo(parts: Parts, error: Exception, *, is_path: bool) -> None:
    """Says of a name that is no folder what it may have meant; other faults are the caller's.

    Raises:
        ModelError: there is no such folder, and nothing of that name was found on the hub.
    """
    name, place = parts.model, Path(parts.model).expanduser()
    if place.is_dir():
        if (
            not (place / "config.json").exists()
            and not (place / "preprocessor_config.json").exists()
        ):
            raise ModelError(
                f"expected a model folder, got {name!r}, a folder without config.json; name the "
                "one that `save_pretrained` or a download from the hub wrote"
            ) from error
        return
    _refuse_file(name)
    if (is_path and parts.adapter is None) or not HUB_ID.fullmatch(name):
        raise ModelError(
            f"expected a model folder, got {name!r}: there is no folder of that name here; "
            "correct the path"
        ) from error
    if isinstance(error, OSError):
        whose = f" as the base of the adapter {parts.adapter}" if parts.adapter else ""
        mend = "name the base with ?base=FOLDER" if parts.adapter else "correct the path or the id"
        raise ModelError(
            f"expected a model folder or a hub id{whose}, got {name!r}: there is no folder of that "
            "name here, and the hub has no such model or could not be reached "
            f"({first_line(error)}); {mend}"
        ) from error
