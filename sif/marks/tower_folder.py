"""Folders of vision models: loading any of them, alone, with a head, or inside an LVLM.

Saving is that of `sif.vlm.folder`. Knows nothing of blocks or representations.
"""

from inspect import signature
from pathlib import Path
from typing import Any, Final

from sif.errors import ModelError
from sif.marks.tower import SUPPORTED
from sif.vlm.adapter import parts_of
from sif.vlm.folder import load_config, load_model, load_processor, load_whole
from sif.vlm.foreign import READING
from sif.vlm.loading import named_class
from sif.vlm.picture_bounds import refuse_blow_up
from sif.vlm.plain_words import first_line

UNREADABLE: Final = (ModelError, *READING)


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

    An LVLM's folder without tokenizer or chat template is one of a vision model here: only pictures
    are shown to it.

    Raises:
        ModelError: it has none, or it is damaged.
    """
    if not _is_lvlm(load_config(source)):
        return _load_image_processor(source)
    try:
        processor = load_processor(source)
    except UNREADABLE as error:
        try:
            return _load_image_processor(source)
        except ModelError:
            if isinstance(error, ModelError):
                raise error from None
            raise ModelError(
                f"cannot load the processor of {source}: {first_line(error)}"
            ) from error
    sees = hasattr(processor, "image_processor") or not hasattr(processor, "tokenize")
    return processor if sees else _load_image_processor(source)


def _is_lvlm(config: Any) -> bool:
    from transformers import AutoModelForImageTextToText

    return type(config) in AutoModelForImageTextToText._model_mapping


def _load_vision_model(source: str | Path, **options: Any) -> Any:
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    parts = parts_of(source, None)
    kind = _class_of(load_config(source), source)
    return load_whole(kind, parts, **options)


def _class_of(config: Any, source: str | Path) -> Any:
    """The class that a folder names; where it names none, the one of its configuration.

    Raises:
        ModelError: one that takes no pictures.
    """
    import transformers
    from transformers import AutoModel, PreTrainedModel

    name = named_class(config)
    kind: Any = getattr(transformers, name, None)
    if not (isinstance(kind, type) and issubclass(kind, PreTrainedModel)):
        kind = AutoModel._model_mapping.get(type(config), None)
    if isinstance(kind, list | tuple):
        kind = kind[0]
    if kind is None or not any("pixel" in one for one in signature(kind.forward).parameters):
        raise ModelError(
            f"expected {SUPPORTED}, got {name or type(config).__name__} in {source}, which takes "
            "no pictures"
        )
    return kind


def _load_image_processor(source: str | Path) -> Any:
    from transformers import AutoImageProcessor

    try:
        processor = AutoImageProcessor.from_pretrained(source, trust_remote_code=False)
    except READING as error:
        raise ModelError(
            f"cannot load the image processor of {source}: {first_line(error)}; copy "
            "preprocessor_config.json from the model's own release into the folder"
        ) from error
    refuse_blow_up(processor, source)
    return processor
