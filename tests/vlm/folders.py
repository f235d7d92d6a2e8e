"""Copies of a model folder with something changed in them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

Tensors = dict[str, Tensor]


def copy_with_weights(folder: Path, copy: Path, change: Callable[[Tensors], Tensors]) -> Path:
    """A copy whose weights are what `change` makes of them."""
    shutil.copytree(folder, copy)
    file = copy / "model.safetensors"
    save_file(change(load_file(file)), file, metadata={"format": "pt"})
    return copy


def copy_with_json(folder: Path, copy: Path, name: str, **entries: Any) -> Path:
    """A copy with some entries of one of its files set, or taken out where None."""
    shutil.copytree(folder, copy)
    file = copy / name
    words = json.loads(file.read_text()) if file.exists() else {}
    words |= entries
    file.write_text(json.dumps({key: value for key, value in words.items() if value is not None}))
    return copy


def copy_with_template(folder: Path, copy: Path, template: str) -> Path:
    """A copy with another chat template."""
    shutil.copytree(folder, copy)
    (copy / "chat_template.jinja").write_text(template)
    return copy
