"""Networks as one safetensors file each: weights, with the named architecture in the header.

Loading runs no code from the file. Knows nothing of training.
"""

import hashlib
import json
from pathlib import Path
from typing import Final

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from sif.errors import ModelError
from sif.files import write_atomically
from sif.networks.architecture import Architecture, Cnn, Mlp, Recurrent, build
from sif.plain_files import refuse_pipe
from sif.vlm.foreign import READING
from sif.vlm.plain_words import first_line, shown

ARCHITECTURE: Final = "architecture"
LONGEST_REASON: Final = 300
_ADAPTER: TypeAdapter[Mlp | Cnn | Recurrent] = TypeAdapter(Architecture)


def save_network(network: nn.Module, architecture: Mlp | Cnn | Recurrent, path: Path) -> None:
    """Writes a network that `build` made from this architecture.

    Raises:
        StorageError: the disk refuses.
    """
    tensors = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
    header = {ARCHITECTURE: architecture.model_dump_json()}
    write_atomically(path, save(tensors, metadata=header))


def load_network(path: Path) -> nn.Module:
    """The network of a file that `save_network` wrote, in evaluation mode and without gradients.

    Raises:
        ModelError: no such file, no architecture in its header, or weights that do not fit it.
    """
    try:
        refuse_pipe(path)
        with safe_open(path, framework="pt") as stored:
            header = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except READING as error:
        raise ModelError(
            f"expected a safetensors file at {path}: {first_line(error)}; pickled files (.pt, "
            ".pth, .pt2) may run code and are not read: write one with save_network, or export to "
            "ONNX"
        ) from error
    try:
        architecture = _ADAPTER.validate_python(json.loads(header[ARCHITECTURE]))
    except (KeyError, ValueError, ValidationError, RecursionError) as error:
        raise ModelError(
            f"expected the named architecture (mlp, cnn or recurrent) in the header of {path}, "
            "got none that fits; write the file with save_network, or export to ONNX"
        ) from error
    return _filled(architecture, tensors, path).eval().requires_grad_(False)


def _filled(
    architecture: Mlp | Cnn | Recurrent, tensors: dict[str, Tensor], path: Path
) -> nn.Module:
    """The architecture with these weights; before they fit, it takes no memory.

    Raises:
        ModelError: weights of other names, shapes or kinds.
    """
    named = len(getattr(architecture, "widths", ())) + len(getattr(architecture, "channels", ()))
    try:
        if named > len(tensors):
            raise ValueError(f"it names {named} layers, and there are {len(tensors)} tensors")
        with torch.device("meta"):
            network = build(architecture, seed=0)
        network.load_state_dict(
            {name: _number(value) for name, value in tensors.items()}, assign=True
        )
    except (RuntimeError, ValueError, TypeError, ArithmeticError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"the weights of {path} do not fit its architecture: "
            f"{shown(lines[-1].strip(), longest=LONGEST_REASON)}"
        ) from error
    return network


def _number(weight: Tensor) -> Tensor:
    if weight.is_complex():
        raise ValueError("a tensor holds complex numbers")
    return weight.float()


def digest_network(network: nn.Module) -> str:
    """SHA-256 (hex) of a module's weights, by name."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        exact = value.detach().cpu().contiguous()
        digest.update(f"{name} {exact.dtype} {tuple(exact.shape)};".encode())
        digest.update(exact.view(torch.uint8).numpy().tobytes() if exact.numel() else b"")
    return digest.hexdigest()
