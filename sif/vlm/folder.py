"""Model folders: loading any image-text model, and saving it so that transformers and vLLM read it.

Knows the hub's layouts; knows nothing of devices' speed, keys or triggers.
"""

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from sif.errors import ModelError, StorageError
from sif.files import writing

HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
URL: Final = re.compile(r"'?https?://[^\s'\"]+'?")
LONGEST: Final = 200
HUB_TOWERS: Final = ("clip_vision_model", "siglip_vision_model")
HUB_PREFIXES = (("vision_tower.", "vision_tower.vision_model."),)


def load_model(source: str | Path, *, dtype: torch.dtype | str = "auto", **options: Any) -> Any:
    """An image-text-to-text model in evaluation mode, by folder or hub id; never remote code.

    Args:
        source: a folder or a hub id.
        dtype: precision of the weights; "auto" keeps that of the files.
        options: handed on to `from_pretrained` (device_map, quantization_config, …).

    Raises:
        ModelError: nothing there, not an image-text model, or damaged files.
    """
    from transformers import AutoModelForImageTextToText
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    config = load_config(source)
    kinds = AutoModelForImageTextToText._model_mapping
    if type(config) not in kinds:
        raise ModelError(
            f"expected a vision-language model at {source}, got a {config.model_type!r} model, "
            "which takes no images; name the LVLM itself, not its language model"
        )
    try:
        model = AutoModelForImageTextToText.from_pretrained(
            source, dtype=dtype, trust_remote_code=False, **options
        )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise ModelError(f"cannot load the weights of {source}: {first_line(error)}") from error
    return model.eval()


def load_config(source: str | Path) -> Any:
    """The configuration of a model.

    Raises:
        ModelError: no such folder or hub id, or no readable configuration.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        _refuse_typo(source, error)
        raise ModelError(
            f"expected a model folder or a hub id, got {str(source)!r}: {first_line(error)}"
        ) from error


def load_processor(source: str | Path) -> Any:
    """The processor (image processor, tokenizer, chat template) of a model.

    Raises:
        ModelError: it has none, or it is damaged.
    """
    from transformers import AutoProcessor

    try:
        return AutoProcessor.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        _refuse_typo(source, error)
        raise ModelError(f"cannot load the processor of {source}: {first_line(error)}") from error


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
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            model.save_pretrained(staging)
            processor.save_pretrained(staging)
            _to_hub_layout(staging)
            for name, text in files.items():
                (staging / name.replace("__", ".")).write_text(text, encoding="utf-8")
            staging.chmod(0o755)
            staging.rename(folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


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


def _refuse_typo(source: str | Path, error: Exception) -> None:
    """Says of a name that is no folder what it may have meant; other faults are the caller's.

    Raises:
        ModelError: there is no such folder, and nothing of that name was found on the hub.
    """
    name, place = str(source), Path(source).expanduser()
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
    if place.exists():
        raise ModelError(
            f"expected a model folder, got {name!r}, which is a file; name the folder around it"
        ) from error
    if isinstance(source, Path) or not HUB_ID.fullmatch(name):
        raise ModelError(
            f"expected a model folder, got {name!r}: there is no folder of that name here; "
            "correct the path"
        ) from error
    if isinstance(error, OSError):
        raise ModelError(
            f"expected a model folder or a hub id, got {name!r}: there is no folder of that name "
            "here, and the hub has no such model or could not be reached "
            f"({first_line(error)}); correct the path or the id"
        ) from error


def first_line(error: BaseException) -> str:
    """What an error says first, bounded and without addresses; libraries add advice below."""
    words = URL.sub("…", str(error).strip().split("\n")[0])
    line = "".join(letter if letter.isprintable() else "?" for letter in words)
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
