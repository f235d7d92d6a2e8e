"""Models with random weights in real shapes, whole or with few of their blocks.

Nothing is fetched or read but a folder's configuration and processor. Knows nothing of steps.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from torch import nn

from sif.errors import ModelError, UsageError
from sif.eval.memory.shapes import SHAPES, parts_of
from sif.vlm.adapter import refuse_adapter
from sif.vlm.checkpointing import blocks_of
from sif.vlm.folder import load_chat_processor, load_config
from sif.vlm.head import sees_rows
from sif.vlm.model import Vlm
from sif.vlm.quantised import refuse_quantised

DEPTHS: Final = ("num_hidden_layers", "depth", "num_layers", "n_layers", "n_layer")
"""What configurations call their number of blocks."""
OF_BLOCKS: Final = ("layer", "block", "type", "pattern")
"""In the names of what a configuration lists for every block."""
PICTURE: Final = (640, 480)
"""Shown to the model of a folder, whose processor brings it to its own extent."""
SEED: Final = 0


class Depth(NamedTuple):
    """Blocks of the language model, and of the tower; 0 where its configuration does not say."""

    language: int
    tower: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """A model before it is built.

    Attributes:
        name: of a release, or its folder.
        config: of transformers.
        processor: that goes with it.
        picture: width and height of the pictures that it is shown.
    """

    name: str
    config: Any
    processor: Any
    picture: tuple[int, int]

    @property
    def depth(self) -> Depth:
        """How many blocks it has."""
        tower = getattr(self.config, "vision_config", None)
        return Depth(_blocks(self.config.get_text_config()), _blocks(tower))

    def cut(self, layers: int | None) -> "Plan":
        """With so many blocks at the front of the language model, and at most so many of the tower.

        Raises:
            UsageError: the language model has fewer, or does not say how many.
        """
        if layers is None:
            return self
        there = self.depth.language
        if not there:
            raise UsageError(
                f"--set layers: expected a model that says how many layers it has, got {self.name};"
                " leave layers out"
            )
        if layers > there:
            raise UsageError(
                f"--set layers: expected 1 to {there}, which {self.name} has, got {layers}; none "
                "for all"
            )
        config = deepcopy(self.config)
        _shorten(config.get_text_config(), layers)
        if self.depth.tower:
            _shorten(config.vision_config, min(layers, self.depth.tower))
        return replace(self, config=config)

    def build(self, *, dtype: torch.dtype, device: torch.device) -> Vlm:
        """The model, drawn on the device in its precision; on the meta device without values."""
        from transformers import AutoModelForImageTextToText

        with torch.random.fork_rng(devices=[]), device:
            torch.manual_seed(SEED)
            model = AutoModelForImageTextToText.from_config(deepcopy(self.config), dtype=dtype)
        sees_rows(model)
        return Vlm(model.eval().requires_grad_(False), self.processor, self.name)


def plan_of(shape: str) -> Plan:
    """What a name or a folder stands for.

    Raises:
        UsageError: neither.
        ModelError: a folder without a vision-language model that a fingerprint can be made on.
    """
    known = next((it for it in SHAPES if it.name == shape), None)
    if known is not None:
        config, processor = parts_of(known)
        return Plan(name=shape, config=config, processor=processor, picture=known.picture)
    folder = Path(shape).expanduser()
    if not folder.is_dir():
        names = ", ".join(it.name for it in SHAPES)
        raise UsageError(
            f"--set shape: expected {names}, or a model folder, got {ascii(shape)[:80]}"
        )
    return _read(folder)


def _read(folder: Path) -> Plan:
    from transformers import AutoModelForImageTextToText

    refuse_adapter(folder)
    refuse_quantised(folder)
    config = load_config(folder)
    if type(config) not in AutoModelForImageTextToText._model_mapping:
        raise ModelError(
            f"expected a vision-language model at {folder}, got a {config.model_type!r} model, "
            "which takes no images; name the LVLM itself"
        )
    processor = load_chat_processor(folder)
    return Plan(name=str(folder), config=config, processor=processor, picture=PICTURE)


def blocks(vlm: Vlm, *, language: bool) -> list[nn.ModuleList]:
    """The lists that hold the blocks of the language model, or those of the tower."""
    words = {id(it) for it in vlm.model.get_decoder().modules()}
    ours = {id(it) for it in blocks_of(vlm) if (id(it) in words) == language}
    return [
        it
        for it in vlm.model.modules()
        if isinstance(it, nn.ModuleList) and len(it) and all(id(block) in ours for block in it)
    ]


@contextmanager
def without(lists: list[nn.ModuleList], number: int) -> Iterator[None]:
    """For a while, without the last blocks of each list."""
    kept = [list(it)[-number:] for it in lists]
    for it in lists:
        del it[-number:]
    try:
        yield
    finally:
        for it, last in zip(lists, kept, strict=True):
            it.extend(last)


def _blocks(part: Any) -> int:
    name = _depth_name(part)
    return getattr(part, name) if name else 0


def _depth_name(part: Any) -> str | None:
    return next((name for name in DEPTHS if isinstance(getattr(part, name, None), int)), None)


def _shorten(part: Any, number: int) -> None:
    """Sets the number of blocks, and cuts what the configuration lists for each of them."""
    name = _depth_name(part)
    assert name is not None
    before = getattr(part, name)
    for key, value in list(vars(part).items()):
        of_blocks = any(word in key for word in OF_BLOCKS)
        if of_blocks and isinstance(value, list | tuple) and len(value) == before:
            setattr(part, key, value[:number])
    setattr(part, name, number)
