"""Folders of vision models: loading any of them, alone, with a head, or inside an LVLM.

Saving is that of `sif.vlm.folder`. Knows nothing of blocks or representations.
"""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from sif.errors import ModelError
from sif.marks.tower import SUPPORTED
from sif.vlm.folder import first_line, load_config, load_model, load_processor


def load_owner(source: str | Path) -> tuple[Any, Any]:
    """The whole model that a folder or hub id holds, and its processor.

    The weights keep the precision of their files. Never remote code.

    Raises:
        ModelError: nothing there, nothing that sees, no image processor, or damaged files.
    """
    return load_any(source), load_any_processor(source)


def load_any(source: str | Path, **options: Any) -> Any:
    """A vision model or an LVLM in evaluation mode, by folder or hub id; never remote code.

    Args:
        source: a folder or a hub id.
        options: handed on to `from_pretrained` (dtype, quantization_config, …); the weights keep
            the precision of their files where none is given.

    Raises:
        ModelError: nothing there, nothing that sees, or damaged files.
    """
    config = load_config(source)
    options = {"dtype": "auto"} | options
    return (load_model if _is_lvlm(config) else _load_vision_model)(source, **options)


def load_any_processor(source: str | Path) -> Any:
    """The processor of an LVLM, or the image processor of a vision model.

    Raises:
        ModelError: it has none, or it is damaged.
    """
    is_lvlm = _is_lvlm(load_config(source))
    return (load_processor if is_lvlm else _load_image_processor)(source)


def _is_lvlm(config: Any) -> bool:
    from transformers import AutoModelForImageTextToText

    return type(config) in AutoModelForImageTextToText._model_mapping


def _load_vision_model(source: str | Path, **options: Any) -> Any:
    import transformers
    from transformers import AutoModel, PreTrainedModel
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    config = load_config(source)
    (name, *_) = getattr(config, "architectures", None) or [""]
    kind: Any = getattr(transformers, name, None)
    if not (isinstance(kind, type) and issubclass(kind, PreTrainedModel)):
        kind = AutoModel
    try:
        model = kind.from_pretrained(source, trust_remote_code=False, **options)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise ModelError(f"cannot load the weights of {source}: {first_line(error)}") from error
    if getattr(model, "main_input_name", "") != "pixel_values":
        raise ModelError(f"expected {SUPPORTED}, got {type(model).__name__} in {source}")
    return model.eval()


def _load_image_processor(source: str | Path) -> Any:
    from transformers import AutoImageProcessor

    try:
        return AutoImageProcessor.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ModelError(
            f"cannot load the image processor of {source}: {first_line(error)}; copy "
            "preprocessor_config.json from the model's own release into the folder"
        ) from error
