"""What the files of a processor lack and others of the folder say.

Older folders leave sizes out that newer releases of transformers count a picture's places by, and
some tokenizers have no padding. Knows processors by what they ask for, not by their names.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sif.errors import ModelError
from sif.vlm.placeholders import placeholders_of
from sif.vlm.plain_words import shown
from sif.vlm.quantised import raw_config

MOST_PLACES: Final = 100_000
"""Places of one picture in a text."""
MEND: Final = "take preprocessor_config.json and processor_config.json from its own release"
PLACES: Final = ("num_additional_image_tokens", "image_seq_length", "image_seq_len")


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
    if tokenizer is not None and not _pads(processor, raw_config(model)):
        tokens = (tokenizer.eos_token, tokenizer.bos_token, tokenizer.unk_token)
        filler = next((token for token in tokens if token), None)
        if filler is None:
            raise ModelError(
                f"expected a tokenizer that pads or ends its texts in {source}, got one without "
                "any special token; add pad_token to tokenizer_config.json"
            )
        tokenizer.pad_token = filler
    if hasattr(processor, "patch_size") and processor.patch_size is None:
        _count_places(processor, raw_config(model))


def _pads(processor: Any, config: Mapping[str, Any]) -> bool:
    """Whether there is a token to pad with, which the model has and which shows no picture."""
    tokenizer = processor.tokenizer
    if tokenizer.pad_token is None or tokenizer.pad_token in placeholders_of(processor):
        return False
    inner = config.get("text_config")
    words = inner if isinstance(inner, Mapping) else config
    size = words.get("vocab_size")
    return not isinstance(size, int) or tokenizer.pad_token_id < size


def refuse_endless(processor: Any, source: str | Path) -> None:
    """Looks at the numbers of a processor that would fill memory, or leave nothing of a picture.

    Args:
        processor: of transformers.
        source: what the user named.

    Raises:
        ModelError: more places than a text has, or a division by zero.
    """
    for name in PLACES:
        places = getattr(processor, name, None)
        if isinstance(places, int) and places > MOST_PLACES:
            raise ModelError(
                f"expected a processor in {source} that gives a picture at most {MOST_PLACES} "
                f"places, got {name} {shown(places)}; {MEND}"
            )
    spread = getattr(processor.image_processor, "image_std", None)
    spreads = spread if isinstance(spread, list | tuple) else [spread]
    if spread is not None and not all(map(_divides, spreads)):
        raise ModelError(
            f"expected a processor in {source} that divides colours by positive numbers, got "
            f"image_std {shown(spread)}; {MEND}"
        )


def _divides(number: Any) -> bool:
    return isinstance(number, int | float) and math.isfinite(number) and number > 0


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
