"""Where the bundled weights lie, and plain model folders made from them.

Weights are shipped without processor and tokenizer files, which the catalogue's seeds determine;
`export` puts everything together as a model folder for unmodified transformers and vLLM.
"""

from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import nn

from sif.errors import ModelError
from sif.files import write_atomically
from sif.mini.architecture import build_model, build_processor
from sif.mini.catalogue import Model
from sif.vlm.folder import save_model


def bundled_file(name: str) -> Path:
    """The bundled bf16 weights of the model of this name, whether they are there or not."""
    return Path(str(resources.files(__package__).joinpath("weights", f"{name}.safetensors")))


def weights_file(model: Model) -> Path:
    """The bundled bf16 weights of a model, whether they are there or not."""
    return bundled_file(model.name)


def build(model: Model) -> tuple[Any, Any]:
    """The bundled model in bfloat16 and its processor.

    Raises:
        ModelError: its weights are not bundled.
    """
    built: Any = build_model(model.family, seed=model.seed, size=model.size).to(torch.bfloat16)
    load_weights(built, weights_file(model))
    return built, build_processor(model.family, seed=model.world)


def load_weights(built: Any, file: Path) -> None:
    """Fills a freshly built model with bundled weights and puts it into evaluation mode.

    Raises:
        ModelError: there are none, or they do not fit.
    """
    if not file.is_file():
        raise ModelError(
            f"expected the bundled weights {file}, found none; train them with "
            f"`sif zoo train {file.stem}`"
        )
    missing, unexpected = built.load_state_dict(load_file(file), strict=False)
    tied = set(getattr(built, "all_tied_weights_keys", None) or {})
    if unexpected or set(missing) - tied:
        raise ModelError(f"{file} does not fit {file.stem}: {missing[:2] or unexpected[:2]}")
    built.tie_weights()
    built.eval()


def export(model: Model, folder: Path) -> None:
    """Writes a bundled model as a plain folder in the hub's layout.

    Raises:
        ModelError: its weights are not bundled.
        StorageError: the folder exists, or the disk refuses.
    """
    built, processor = build(model)
    save_model(built, processor, folder)


def keep(model: Model, trained: nn.Module) -> Path:
    """Puts freshly trained weights where `build` looks for them, as bf16."""
    return keep_weights(weights_file(model), trained)


def keep_weights(target: Path, trained: nn.Module) -> Path:
    """Writes a model's own weights as bf16 safetensors."""
    state = trained.to(torch.bfloat16).state_dict()
    owned = {name for name, _ in trained.named_parameters()}
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, save({k: v.contiguous() for k, v in state.items() if k in owned}))
    return target
