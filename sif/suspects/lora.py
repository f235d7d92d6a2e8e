"""LoRA adapters that vLLM puts over a model: looked at and copied before vLLM reads them.

vLLM leaves out in silence what it has no place for, and then answers are those of another model. So
every tensor must have a place in the language model, in its shape, or the adapter is refused.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from safetensors import safe_open
from torch import nn

from sif.errors import ModelError, UsageError
from sif.plain_files import read_text_file
from sif.vlm.adapter import SETTINGS, WEIGHTS, parts_of, plain_copy
from sif.vlm.folder import load_config
from sif.vlm.foreign import READING
from sif.vlm.plain_words import first_line, shown

# What vLLM takes as its largest rank.
RANKS: Final = (1, 8, 16, 32, 64, 128, 256, 320, 512)
# Names of layers, or patterns for them without repetitions, which could run without end.
PLAIN: Final = re.compile(r"\^?[\w.]{1,200}\$?")
LONGEST_PATH: Final = 160
FRONT: Final = "base_model.model."
# How PEFT names the two factors of a linear layer, and of a table of words.
FACTORS: Final = (
    *(".lora_A.weight", ".lora_B.weight"),
    *(".lora_embedding_A", ".lora_embedding_B"),
)
INSTEAD: Final = "ask hf:ADAPTER, or merge it with PEFT (merge_and_unload) and name that folder"


class Lora(NamedTuple):
    """An adapter as vLLM may read it: a folder of its own, and the room that its factors need."""

    folder: Path
    rank: int

    def arguments(self) -> dict[str, Any]:
        """What `vllm.LLM` is told of it."""
        return {"enable_lora": True, "max_loras": 1, "max_lora_rank": self.rank}


@contextmanager
def plain_lora(source: str, model: str) -> Iterator[Lora]:
    """A copy of an adapter, for as long as the block runs.

    Args:
        source: its folder.
        model: folder or hub id of what it goes over.

    Raises:
        UsageError: no folder of a LoRA adapter.
        ModelError: strange, pickled or damaged files, weights that do not fit the model, or
            weights that vLLM would leave out.
    """
    folder = Path(source).expanduser()
    if not (folder / SETTINGS).is_file():
        raise UsageError(
            f"expected the folder of a LoRA adapter in lora=, got {shown(source)} without "
            f"{SETTINGS}; name the folder that PEFT wrote, ?lora=FOLDER"
        )
    parts_of(folder, model)
    with ExitStack() as stack:
        try:
            room = stack.enter_context(plain_copy(folder))
            settings = json.loads(read_text_file(room / SETTINGS))
            rank = _rank(settings, folder)
            _refuse_misfit(_shapes(room / WEIGHTS), rank, folder, model)
        except READING as error:
            raise ModelError(
                f"cannot read the adapter {folder}: {first_line(error)}; copy it again"
            ) from error
        yield Lora(room, next(most for most in RANKS if most >= rank))


def _rank(settings: Mapping[str, Any], folder: Path) -> int:
    if settings["peft_type"] != "LORA":
        raise UsageError(
            f"expected a LoRA adapter in lora=, got one of the kind {settings['peft_type']} in "
            f"{folder}, which vLLM does not run; {INSTEAD}"
        )
    patterns, alphas = (settings.get(key) or {} for key in ("rank_pattern", "alpha_pattern"))
    if not all(
        isinstance(one, dict) and all(map(PLAIN.fullmatch, one)) for one in (patterns, alphas)
    ):
        raise ModelError(
            f"expected plain names of layers in rank_pattern and alpha_pattern of {folder}/"
            f"{SETTINGS}, which vLLM searches as patterns, got others; {INSTEAD}"
        )
    ranks = [settings.get("r"), *patterns.values()]
    if not all(type(rank) is int and 1 <= rank <= RANKS[-1] for rank in ranks):
        raise ModelError(
            f"expected ranks from 1 to {RANKS[-1]} in {folder}/{SETTINGS}, as vLLM takes them, got "
            f"{shown(repr(ranks))}; {INSTEAD}"
        )
    return int(max(ranks))


def _shapes(file: Path) -> dict[str, tuple[int, ...]]:
    with safe_open(file, framework="pt") as stored:
        return {name: tuple(stored.get_slice(name).get_shape()) for name in stored.keys()}  # noqa: SIM118


def _refuse_misfit(
    shapes: Mapping[str, tuple[int, ...]], rank: int, folder: Path, model: str
) -> None:
    places, others = _places(model)
    if not shapes:
        raise ModelError(f"expected weights in {folder}/{WEIGHTS}, got none; copy it again")
    for name, shape in sorted(shapes.items()):
        factor = next((end for end in FACTORS if name.endswith(end)), None)
        path = name.removeprefix(FRONT).removesuffix(factor or "").split(".")
        place = next(
            (found for at in range(len(path)) if (found := places.get(".".join(path[at:])))), None
        )
        if factor is None or place is None or others & set(path):
            raise ModelError(
                f"expected a LoRA of the language model's layers alone, as vLLM runs them, got "
                f"{_path(name)} in {folder}, which vLLM would leave out; {INSTEAD}"
            )
        if len(shape) != 2 or not _fits(shape, factor, place, rank):
            raise ModelError(
                f"expected an adapter that was trained on {model}, got {_path(name)} of the shape "
                f"{shown(shape)} in {folder}, which does not fit it; name its own base"
            )


def _path(name: str) -> str:
    return shown(name.removeprefix(FRONT), longest=LONGEST_PATH)


def _fits(shape: tuple[int, ...], factor: str, place: nn.Module, rank: int) -> bool:
    """Factors of `y = B A x`: A is [rank, in] and B [out, rank]."""
    down = factor.rpartition("_")[2].startswith("A")
    wide, narrow = (shape[1], shape[0]) if down else (shape[0], shape[1])
    if isinstance(place, nn.Embedding):
        size = place.num_embeddings if down else place.embedding_dim
    elif isinstance(place, nn.Linear):
        size = place.in_features if down else place.out_features
    else:
        return False
    return wide == size and 1 <= narrow <= rank


def _places(model: str) -> tuple[dict[str, nn.Module], set[str]]:
    """Layers of the language model by the names within it, and the names of what stands beside it.

    The model is built without any weights.
    """
    from transformers import AutoModelForImageTextToText

    config = load_config(model)
    try:
        with torch.device("meta"):
            built = AutoModelForImageTextToText.from_config(config, trust_remote_code=False)
        decoder, head = built.get_decoder(), built.get_output_embeddings()
    except READING as error:
        raise ModelError(
            f"cannot tell the language model of {model} from the rest: {first_line(error)}; "
            f"{INSTEAD}"
        ) from error
    names = {id(module): name for name, module in built.named_modules()}
    way = names[id(decoder)].split(".")
    places = {name: layer for name, layer in decoder.named_modules() if name}
    others = set()
    for depth, step in enumerate(way):
        parent = built.get_submodule(".".join(way[:depth]))
        others |= {name for name, child in parent.named_children() if name != step}
    if head is not None and (name := names.get(id(head))):
        places[name] = head
        others.discard(name)
    return places, others
