"""What the files of a processor lack and others of the folder say.

Older folders leave sizes out that newer releases of transformers count a picture's places by, and
some tokenizers have no padding. Knows processors by what they ask for, not by their names.
"""

from pathlib import Path
from typing import Any

from sif.errors import ModelError
from sif.vlm.quantised import raw_config


def complete(processor: Any, model: str | Path, source: str | Path) -> None:
    """Fills in padding, and the sizes that a picture's places are counted by.

    Args:
        processor: of transformers, changed in place.
        model: where config.json is.
        source: what the user named.

    Raises:
        ModelError: a tokenizer without any special token to pad with.
    """
    tokenizer = getattr(processor, "tokenizer", None)
    if tokenizer is not None and tokenizer.pad_token is None:
        filler = tokenizer.eos_token or tokenizer.bos_token or tokenizer.unk_token
        if filler is None:
            raise ModelError(
                f"expected a tokenizer that pads or ends its texts in {source}, got one without "
                "any special token; add pad_token to tokenizer_config.json"
            )
        tokenizer.pad_token = filler
    if hasattr(processor, "patch_size") and processor.patch_size is None:
        _count_places(processor, raw_config(model))


def _count_places(processor: Any, config: Any) -> None:
    """Patch size, choice of features and extra places, from what the model is configured to."""
    tower = config.get("vision_config")
    patch = tower.get("patch_size") if isinstance(tower, dict) else None
    if not isinstance(patch, int) or patch < 1:
        return
    processor.patch_size = patch
    strategy = config.get("vision_feature_select_strategy")
    if getattr(processor, "vision_feature_select_strategy", strategy) is None:
        processor.vision_feature_select_strategy = strategy or "default"
    # That choice drops the place of the whole picture, which such a tower has beside its patches.
    dropped = int(getattr(processor, "vision_feature_select_strategy", None) == "default")
    places, side = config.get("image_seq_length"), tower.get("image_size")
    extra = dropped
    if isinstance(places, int) and isinstance(side, int):
        extra = max(places - (side // patch) ** 2 + dropped, 0)
    if getattr(processor, "num_additional_image_tokens", None) == 0:
        processor.num_additional_image_tokens = extra
