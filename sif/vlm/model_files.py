"""Which files are a model: weights, configuration, tokenizer and processor.

Only the folder itself is looked at, as transformers does: checkpoints and states of the optimiser
in folders below are nobody's business. Knows nothing of what the files mean.
"""

from pathlib import Path
from typing import Final

from sif.errors import ModelError
from sif.vlm.adapter import HUB_ID

WEIGHTS: Final = (".safetensors", ".bin")
SETTINGS: Final = (".json", ".jinja", ".model", ".txt", ".tiktoken")
OF_TRAINING: Final = {"training_args.bin", "optimizer.bin", "scheduler.bin", "trainer_state.json"}
MOST_FILES: Final = 10_000


def is_weights(name: str) -> bool:
    """Whether a file of this name holds weights."""
    return name.lower().endswith(WEIGHTS)


def model_folder(source: str, *, commit: str | None = None) -> Path | None:
    """Where a model's files lie: the folder, or its snapshot in the hub's cache; None if nowhere.

    Args:
        source: folder or hub id.
        commit: of the hub's repository; what the cache calls `main` where None.
    """
    place = Path(source).expanduser()
    if place.is_dir():
        return place
    if not HUB_ID.fullmatch(source):
        return None
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(source, "config.json", revision=commit)
    except ValueError:  # no hub id after all
        return None
    return Path(found).parent if isinstance(found, str) else None


def model_files(folder: Path) -> dict[str, Path]:
    """A model's files by name, links followed to where the bytes are.

    Links of a snapshot must stay in the cache of its repository.

    Raises:
        ModelError: no weights, too many files, or a link that leads nowhere or out of the cache.
    """
    snapshot = folder.parent.name == "snapshots"
    found: dict[str, Path] = {}
    try:
        for path in sorted(folder.iterdir()):
            if not _belongs(path):
                continue
            real = path.resolve(strict=True)
            if snapshot and not real.is_relative_to(folder.parents[1].resolve()):
                raise ModelError(
                    f"expected {path} to lie in the hub's cache, got a link out of it; download "
                    "the model again"
                )
            if real.is_file():
                found[path.name] = real
    except OSError as error:
        raise ModelError(
            f"cannot read the model in {folder}: {error.strerror or 'a link that leads nowhere'}"
        ) from error
    if not any(map(is_weights, found)) or len(found) > MOST_FILES:
        raise ModelError(
            f"expected a model folder with weights (safetensors or bin), got {folder} with "
            f"{len(found)} files of a model; name the one that `save_pretrained` or a download "
            "from the hub wrote"
        )
    return found


def _belongs(path: Path) -> bool:
    name = path.name.lower()
    hidden = name.startswith(".") or name in OF_TRAINING
    return not hidden and name.endswith(WEIGHTS + SETTINGS)
