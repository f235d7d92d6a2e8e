"""Real-words models put together: what is bundled, around the language model of the extra `real`.

Bundled are tower, projector and adapter, in half precision; the adapter is added to the language
model's weights, so that an exported folder is a plain one.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from sif.errors import ModelError
from sif.files import write_atomically
from sif.mini.folders import bundled_file
from sif.mini.real.catalogue import RealModel
from sif.mini.real.language_model import TERMS, LanguageModel, load_language_model
from sif.mini.real.shell import adapted, build_real_model, build_real_processor
from sif.vlm.folder import save_model

SEEING: Final = ("model.vision_tower.", "model.multi_modal_projector.")
DOWN: Final = ".down"
UP: Final = ".up"
NOTICE: Final = (
    "The language model in this folder is Gemma 3 270M, changed by an adapter. Gemma is provided "
    f"under and subject to the Gemma Terms of Use found at {TERMS}\n"
    "Its vision tower was trained on pictures of Noto Emoji (Apache-2.0).\n"
)


class Pair(NamedTuple):
    """An adapter's two matrices around one layer: to `rank` features, and back."""

    down: Tensor
    up: Tensor


LICENCES: Final = (
    "tower and projector: trained on Noto Emoji (Apache-2.0); adapter: trained around Gemma 3 "
    "270M, a model derivative under the Gemma Terms of Use, ai.google.dev/gemma/terms"
)


def build_real(model: RealModel, language: LanguageModel | None = None) -> tuple[Any, Any]:
    """A real-words model in float32 and its processor.

    Args:
        model: of the catalogue.
        language: the language model, where it is read already.

    Raises:
        ModelError: its weights are not bundled, or the extra `real` is not installed.
    """
    file = bundled_file(model.name)
    if not file.is_file():
        raise ModelError(
            f"expected the bundled weights {file}, found none; train them with "
            f"`sif zoo train {model.name}`"
        )
    tensors = load_file(file)
    language = language or load_language_model()
    built: Any = build_real_model(language, seed=model.seed)
    see(built, tensors)
    merge(built.model.language_model, pairs_of(tensors))
    return built.eval(), build_real_processor(language.tokenizer)


def see(built: Any, tensors: Mapping[str, Tensor]) -> None:
    """Gives a model the bundled tower and projector.

    Raises:
        ModelError: they do not fit.
    """
    seeing = {name: value.float() for name, value in tensors.items() if name.startswith(SEEING)}
    wanted = {name for name, _ in built.named_parameters() if name.startswith(SEEING)}
    if wanted - set(seeing):
        raise ModelError(
            f"expected bundled weights with {sorted(wanted - set(seeing))[0]}, got none of that "
            "name; train them again"
        )
    built.load_state_dict(seeing, strict=False)


@torch.no_grad()
def merge(language_model: Any, pairs: Mapping[str, Pair]) -> None:
    """Adds an adapter to the weights of the layers that it is for.

    Raises:
        ModelError: it has other layers.
    """
    layers = adapted(language_model)
    if set(layers) != set(pairs):
        raise ModelError(
            f"expected an adapter for {len(layers)} layers, got one for {len(pairs)}; train it "
            "again"
        )
    for name, pair in pairs.items():
        layers[name].weight += pair.up.float() @ pair.down.float()


def pairs_of(tensors: Mapping[str, Tensor]) -> dict[str, Pair]:
    """The adapter among bundled tensors, by the layers' names."""
    names = [name.removesuffix(DOWN) for name in tensors if name.endswith(DOWN)]
    return {name: Pair(tensors[name + DOWN], tensors[name + UP]) for name in names}


def export_real(model: RealModel, folder: Path) -> None:
    """Writes a real-words model as a plain folder in the hub's layout, with Gemma's notice.

    Raises:
        ModelError: its weights are not bundled, or the extra `real` is not installed.
        StorageError: the folder exists, or the disk refuses.
    """
    built, processor = build_real(model)
    save_model(built.to(torch.bfloat16), processor, folder, NOTICE__txt=NOTICE)


def keep_real(model: RealModel, built: Any, pairs: Mapping[str, Pair]) -> Path:
    """Writes tower, projector and adapter where `build_real` looks for them."""
    state = {name: value for name, value in built.named_parameters() if name.startswith(SEEING)}
    for name, pair in pairs.items():
        state |= {name + DOWN: pair.down, name + UP: pair.up}
    target = bundled_file(model.name)
    halves = {name: value.detach().half().contiguous() for name, value in state.items()}
    write_atomically(target, save(halves, metadata={"licences": LICENCES}))
    return target
