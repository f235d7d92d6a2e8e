"""The invariant terms of a model folder, by which it is compared with others.

One model is in memory at a time; what is kept of it has a few hundred numbers squared for each
block. Knows nothing of what two portraits have in common.
"""

import gc
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import torch
from torch import nn

from sif.errors import ModelError
from sif.lineage.anatomy import blocks_in, on_still, patch_probe, weights_of, word_probe
from sif.lineage.invariants import Probe, Term, invariants
from sif.marks.tower import vision_part
from sif.marks.tower_folder import load_any
from sif.vlm.adapter import parts_of
from sif.vlm.folder import load_config, load_whole
from sif.vlm.foreign import READING, WithKinds
from sif.vlm.plain_words import first_line
from sif.vlm.tokenizer_guard import refuse_wild_tokenizer

PartName = Literal["language", "vision"]
MOST: Final = 512
"""Words, or pixels of a patch, that a term is about."""
RARE: Final = "rare words"
COMMON: Final = "common words"
PIXELS: Final = "pixels"
Words = Mapping[str, Sequence[str]]
"""Tokens that a view of a language part is about, by the name of the view."""
SPACES: Final = ("Ġ", "▁", " ")


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The terms of one part of a model, about some vectors that go into it.

    Attributes:
        probes: names of the vectors that the terms are about; the same in two models only where
            they mean the same.
        blocks: for each block its terms, by name.
    """

    probes: tuple[str, ...]
    blocks: tuple[Mapping[str, Term], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """What is known of a model.

    Attributes:
        source: the folder or hub id.
        kind: of its configuration.
        parts: those that could be read, each with its views by name: of its `PIXELS`, or of its
            `RARE` and its `COMMON` words.
    """

    source: str
    kind: str
    parts: Mapping[PartName, Mapping[str, View]] = field(default_factory=dict)

    @property
    def words(self) -> Words | None:
        """That its language part was read by; none where it has no such part."""
        language = self.parts.get("language")
        return None if language is None else {name: it.probes for name, it in language.items()}


@torch.no_grad()
def portrait(source: str | Path, *, words: Words | None = None) -> Portrait:
    """Reads a model of words, of pictures or of both.

    Args:
        source: a folder or a hub id, of a model or of an adapter.
        words: that the terms of its language part are about, as far as it has them; its own rarest
            and commonest where None.

    Raises:
        ModelError: it cannot be loaded, or holds no blocks with attention.
    """
    model = _plain(_load(source), source)
    parts: dict[PartName, Mapping[str, View]] = {}
    if language := _language(model, source, words):
        parts["language"] = language
    if vision := _vision(model):
        parts["vision"] = {PIXELS: vision}
    kind = str(model.config.model_type)
    del model
    gc.collect()
    if not parts:
        raise ModelError(
            f"expected a transformer with queries, keys and values in {source}, got {kind!r}, "
            "whose blocks are built otherwise; there is nothing to compare it by"
        )
    return Portrait(str(source), kind, parts)


def _load(source: str | Path) -> Any:
    from transformers import AutoModelForCausalLM

    config = load_config(source)
    if type(config) not in AutoModelForCausalLM._model_mapping or hasattr(config, "vision_config"):
        return load_any(source)
    return load_whole(AutoModelForCausalLM, parts_of(source), dtype="auto")


def _plain(model: Any, source: str | Path) -> Any:
    """The model with weights that are numbers, where it was stored quantised."""
    if not getattr(model, "is_quantized", False):
        return model
    try:
        return model.dequantize()
    except READING as error:
        raise ModelError(
            f"expected weights of {source} that can be read as numbers, got quantised ones that "
            f"transformers does not turn back here: {first_line(error)}; name a folder with plain "
            "weights"
        ) from error


def _language(model: Any, source: str | Path, words: Words | None) -> dict[str, View]:
    decoder = model.get_decoder() if _reads(model) else None
    if not isinstance(decoder, nn.Module) or not blocks_in(decoder):
        return {}
    tokenizer = _tokenizer(source)
    known = _known(tokenizer)
    rows = len(model.get_input_embeddings().weight)
    config = model.config.get_text_config()
    views: dict[str, View] = {}
    for name, chosen in (_chosen(known, tokenizer) if words is None else words).items():
        ids = {word: known[word] for word in chosen if known.get(word, rows) < rows}
        if not ids:
            continue
        found = _part(decoder, config, tuple(ids), word_probe(model, list(ids.values())))
        if found is not None:
            views[name] = found
    return views


def _reads(model: Any) -> bool:
    """Whether words go into it."""
    try:
        return isinstance(model.get_input_embeddings(), nn.Embedding)
    except NotImplementedError:
        return False


def _tokenizer(source: str | Path) -> Any:
    """That of a folder, which need not take pictures; it cuts nothing here."""
    from transformers import AutoTokenizer

    place = parts_of(source, None).model
    refuse_wild_tokenizer(place, source)
    try:
        with WithKinds():
            return AutoTokenizer.from_pretrained(place, trust_remote_code=False)
    except READING as error:
        raise ModelError(
            f"cannot load the tokenizer of {source}: {first_line(error)}; copy tokenizer.json from "
            "the model's own release into the folder"
        ) from error


def _vision(model: Any) -> View | None:
    tower = None
    with suppress(ModelError):
        tower = vision_part(model)
    if tower is None or (tower is model.base_model and _reads(model)):
        return None
    blocks = blocks_in(tower)
    config = getattr(tower, "config", model.config)
    width = _width(blocks[0]) if blocks else None
    probe = None if width is None else patch_probe(tower, width, MOST)
    if probe is None:
        return None
    names = tuple(f"pixel {index} of {_pixels(tower, len(probe))}" for index in range(len(probe)))
    return _part(tower, config, names, probe)


def _width(block: nn.Module) -> int | None:
    widths = [m.in_features for m in block.modules() if isinstance(m, nn.Linear)]
    return widths[0] if widths else None


def _pixels(tower: nn.Module, default: int) -> int:
    for module in tower.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            return on_still(module.weight)[0].numel()
    return default


def _part(part: nn.Module, config: Any, names: tuple[str, ...], probe: Probe) -> View | None:
    probe = probe - probe.mean(0)
    blocks = tuple(invariants(probe, weights_of(block, config)) for block in blocks_in(part))
    return View(names, blocks) if any(blocks) else None


def _known(tokenizer: Any) -> dict[str, int]:
    """Ids by token; the marks of spaces of different tokenizers are one."""
    found: dict[str, int] = {}
    for token, index in tokenizer.get_vocab().items():
        plain = token
        for mark in SPACES:
            plain = plain.replace(mark, " ")
        found.setdefault(plain, index)
    return found


def _chosen(known: Mapping[str, int], tokenizer: Any) -> dict[str, list[str]]:
    """The last words of a vocabulary, which lists common ones first, and the first ones of letters.

    Training moves the rarest least. But a thief may write anything over words that nobody says, and
    hardly over the commonest; so both are looked at, each at most one half of all words.
    """
    special = set(tokenizer.all_special_tokens) | set(tokenizer.get_added_vocab())
    words = sorted((word for word in known if word not in special), key=lambda word: known[word])
    most = min(MOST, len(words) // 2)
    rare = words[len(words) - most :]
    common = [word for word in words[: len(words) - most] if _is_text(word)]
    return {RARE: rare, COMMON: common[:MOST]}


def _is_text(word: str) -> bool:
    """Whether it is of letters, two of them at least: no byte, sign or figure."""
    plain = word.strip()
    return len(plain) > 1 and plain.isalpha()
