"""Adapters of PEFT: a folder of small weights that changes another model, its base.

The adapter is a stranger's: of its configuration only what a list allows reaches PEFT, its weights
must be safetensors, and its base is read as data like any other model. Knows no model by name.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from safetensors.torch import load_file, save_file

from sif.errors import ModelError
from sif.plain_files import read_text_file
from sif.scratch import scratch
from sif.vlm.foreign import READING
from sif.vlm.loading import refuse_no_numbers, without_its_report
from sif.vlm.plain_words import first_line, shown
from sif.vlm.strange_files import refuse_strange_files

SETTINGS: Final = "adapter_config.json"
WEIGHTS: Final = "adapter_model.safetensors"
PICKLED: Final = "adapter_model.bin"
MODEL: Final = "config.json"
LONGEST: Final = 2**20
LONGEST_BASE: Final = 1000
MOST_FOLDERS: Final = 200
HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
# A name of DoRA's that PEFT saves shortened and transformers does not lengthen again.
MAGNITUDE: Final = re.compile(r"\.lora_magnitude_vector$")
# A number of AdaLoRA's that its settings give, and that is not saved.
COUNTED: Final = re.compile(r"\.ranknum\.")
# Kinds that add to weights, and load no further folders or modules by name.
KINDS: Final = ("LORA", "ADALORA", "IA3", "LOHA", "LOKR", "OFT", "BOFT", "HRA")
# Settings that name modules to import, files to read, or work that only training needs.
DROPPED: Final = (
    *("auto_mapping", "base_model_name_or_path", "revision", "parent_library"),
    *("megatron_config", "megatron_core", "runtime_config", "loftq_config", "eva_config"),
    *("corda_config", "lora_ga_config", "arrow_config", "monteclora_config"),
)


class Parts(NamedTuple):
    """Where a model's weights lie, and the folder of the adapter over them, if any."""

    model: str
    adapter: Path | None = None


def parts_of(source: str | Path, base: str | None = None) -> Parts:
    """The folder or hub id of the weights, and the adapter that `source` may be.

    Whoever opens a model asks here first, so both are looked at before any library reads them.

    Args:
        source: a model, an adapter, or a folder of a training run with one adapter in it.
        base: the adapter's base; by what its configuration says where None.

    Raises:
        ModelError: several adapters, no base, a base that is an adapter itself, or files that
            nobody should read (`sif.vlm.strange_files`).
    """
    parts = _found(source, base)
    for place in {parts.model, str(parts.adapter or parts.model)}:
        refuse_strange_files(place)
    return parts


def _found(source: str | Path, base: str | None) -> Parts:
    try:
        folder = Path(source).expanduser()
        there = folder.is_dir()
    except (OSError, RuntimeError) as error:  # a name that no file can have, or a home of nobody
        raise ModelError(
            f"expected a model folder or a hub id, got {shown(source)}: {first_line(error)}; "
            "correct the path"
        ) from error
    if not there:
        _refuse_base(base, source)
        return Parts(str(source))
    if not (folder / MODEL).is_file():
        folder = _only_adapter(folder) or folder
    if not (folder / SETTINGS).is_file():
        _refuse_base(base, source)
        return Parts(str(source))
    if base is None and (folder / MODEL).is_file():
        return Parts(str(folder), folder)
    model = base or _named_base(folder)
    place = Path(model).expanduser()
    if place.is_dir() and not (place / MODEL).is_file():
        raise ModelError(
            f"expected a model folder as the base of the adapter {folder}, got {shown(model)} "
            "without config.json; name the right one with ?base=FOLDER"
        )
    if place.is_dir() and (place / SETTINGS).is_file():
        raise ModelError(
            f"expected a plain model as the base of the adapter {folder}, got {shown(model)}, "
            "which holds an adapter itself; merge that one first"
        )
    return Parts(model, folder)


def refuse_adapter(source: str | Path) -> None:
    """A source is one whole model: what is claimed about it names its weights by their digests.

    Raises:
        ModelError: it is an adapter, or a model with one beside its weights.
    """
    if parts_of(source).adapter is not None:
        raise ModelError(
            f"expected a whole model to make something from, got {source}, which holds an adapter; "
            "merge it into its base with PEFT (merge_and_unload, then save_pretrained) and name "
            "the merged folder (as a suspect it is fine)"
        )


@contextmanager
def bare_model(parts: Parts) -> Iterator[str]:
    """The place of the weights as transformers may have it: it would load adapters by itself."""
    folder = Path(parts.model).expanduser()
    if not folder.is_dir() or not (folder / SETTINGS).is_file():
        yield parts.model
        return
    with scratch("base") as room:
        for file in folder.iterdir():
            if file.is_file() and not file.name.startswith("adapter_"):
                (room / file.name).symlink_to(file.resolve())
        yield str(room)


def wear(model: Any, folder: Path) -> Any:
    """The model with an adapter over its weights, merged into them where they are plain.

    Args:
        model: the base, changed in place.
        folder: of the adapter.

    Raises:
        ModelError: PEFT is missing, another kind of adapter, pickled or damaged weights, or weights
            that do not fit the base.
    """
    _require_peft(folder)
    try:
        with plain_copy(folder) as room, without_its_report():
            report = model.load_adapter(
                str(room), use_safetensors=True, ignore_mismatched_sizes=True
            ).to_dict()
    except READING as error:
        raise ModelError(
            f"cannot put the adapter {folder} over its base: {first_line(error)}; check that it "
            "was trained on this base, or merge it with PEFT and name the merged folder"
        ) from error
    _refuse_misfit(model, report, folder)
    refuse_no_numbers(model, folder)
    if getattr(model, "quantization_method", None) is None:
        try:
            _merge(model)
        except READING as error:
            raise ModelError(
                f"cannot merge the adapter {folder} into its base: {first_line(error)}; merge it "
                "with the PEFT that made it and name the merged folder"
            ) from error
    return model


@contextmanager
def plain_copy(folder: Path) -> Iterator[Path]:
    """A folder with an adapter's weights and only those of its settings that a library may have.

    Raises:
        ModelError: another kind of adapter, damaged settings, or pickled or missing weights.
        READING: damaged weights.
    """
    settings = _settings(folder)
    if not (folder / WEIGHTS).is_file():
        _refuse_pickle(folder)
    with scratch("adapter") as room:
        safe = {key: value for key, value in settings.items() if key not in DROPPED}
        (room / SETTINGS).write_text(json.dumps(safe), encoding="utf-8")
        tensors = load_file(folder / WEIGHTS)
        named = {MAGNITUDE.sub(r"\g<0>.weight", name): value for name, value in tensors.items()}
        save_file(named, room / WEIGHTS, metadata={"format": "pt"})
        yield room


def _refuse_misfit(model: Any, report: dict[str, Any], folder: Path) -> None:
    strange = dict.fromkeys(report["unexpected_keys"], "no place for")
    strange |= {name: "in another shape" for name, *_shapes in report["mismatched_keys"]}
    mend = (
        f"name the base that it was trained on with ?base=FOLDER, and take the {SETTINGS} that "
        "belongs to its weights"
    )
    if getattr(model, "quantization_method", None) is not None:
        mend = "not all kinds go over quantised weights: name the plain base, without quantize="
    if strange:
        name = min(strange)
        raise ModelError(
            f"expected an adapter whose weights fit its base, got {len(strange)} tensors in "
            f"{folder} that {type(model).__name__} has {strange[name]} ({shown(name)}, …); {mend}"
        )
    lost = [name for name in report["missing_keys"] if not COUNTED.search(name)]
    if lost:
        raise ModelError(
            f"expected all weights that {folder}/{SETTINGS} speaks of, got none for {len(lost)} "
            f"({shown(min(lost))}, …), which would be random; copy the adapter again"
        )


def _merge(model: Any) -> None:
    """Puts the adapter into the layers that it wraps, so that what follows sees a plain model."""
    done: list[str] = []
    for name, module in list(model.named_modules()):
        if name.startswith(tuple(done)):  # within what was replaced: merged with it
            continue
        if hasattr(module, "unload_and_optionally_merge_module"):
            plain = module.unload_and_optionally_merge_module(
                merge=True, safe_merge=False, adapter_names=None
            )
        elif hasattr(module, "base_layer") and hasattr(module, "merge"):
            _make_room_for_biases(module)
            module.merge(safe_merge=False)
            plain = module.get_base_layer()
        else:
            continue
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, plain)
        done.append(f"{name}.")
    model._hf_peft_config_loaded = False
    del model.peft_config


def _make_room_for_biases(module: Any) -> None:
    """An adapter may have a bias where the layer under it has none: it then gets one of zeros."""
    base = module.get_base_layer()
    if any((getattr(module, "lora_bias", None) or {}).values()) and base.bias is None:
        base.bias = torch.nn.Parameter(base.weight.new_zeros(base.weight.shape[0]))


def _only_adapter(folder: Path) -> Path | None:
    """The one adapter in the folders below, as a training run leaves it; None for none."""
    found = [
        place
        for _number, place in zip(range(MOST_FOLDERS), sorted(folder.iterdir()), strict=False)
        if place.is_dir() and (place / SETTINGS).is_file()
    ]
    if (folder / SETTINGS).is_file() or not found:
        return None
    if len(found) > 1:
        names = ", ".join(shown(place.name) for place in found[:4])
        raise ModelError(
            f"expected one adapter in {folder}, got {len(found)} ({names}); name one of the folders"
        )
    return found[0]


def _named_base(folder: Path) -> str:
    """The base that an adapter's configuration names: a hub id, or a folder that is there.

    A path is relative to where we are, as PEFT has it, or to the adapter's folder or the one above.
    """
    name = _settings(folder).get("base_model_name_or_path")
    usable = isinstance(name, str) and 0 < len(name) <= LONGEST_BASE and name.isprintable()
    if not usable or "://" in str(name):
        raise ModelError(
            f"expected {folder}/{SETTINGS} to name the adapter's base, got "
            f"{shown(repr(name))}; name it with ?base=FOLDER"
        )
    name = str(name)
    places = (Path(name), folder / name, folder.parent / name)
    found = next((place for place in places if place.is_dir()), None)
    if found is not None:
        return name if found is places[0] else str(found)
    if not HUB_ID.fullmatch(name):
        raise ModelError(
            f"expected the base of the adapter {folder} at {shown(name)}, as it says itself, and "
            "there is no such folder here; name it with ?base=FOLDER"
        )
    return name


def _settings(folder: Path) -> Mapping[str, Any]:
    file = folder / SETTINGS
    try:
        if file.stat().st_size > LONGEST:
            raise ValueError(f"longer than {LONGEST} bytes")
        words = json.loads(read_text_file(file))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"cannot read {file}: {first_line(error)}; copy the adapter again"
        ) from error
    kind = words.get("peft_type") if isinstance(words, dict) else None
    if kind not in KINDS:
        raise ModelError(
            f"expected an adapter of the kinds {', '.join(KINDS)}, got {shown(repr(kind))} in "
            f"{folder}; merge it with PEFT and name the merged folder"
        )
    return dict(words)


def _refuse_pickle(folder: Path) -> None:
    if (folder / PICKLED).is_file():
        raise ModelError(
            f"expected the adapter's weights as {WEIGHTS}, got {PICKLED} in {folder}, a pickle, "
            "which could run code; whoever trusts it can load it with PEFT and save it again with "
            "save_pretrained, which writes safetensors"
        )
    raise ModelError(f"expected {WEIGHTS} in {folder}, found none; copy the adapter again")


def _refuse_base(base: str | None, source: str | Path) -> None:
    if base is not None:
        raise ModelError(
            f"expected an adapter (with {SETTINGS}) where base= is given, got {source}, which is "
            "none; leave base= out"
        )


def _require_peft(folder: Path) -> None:
    import importlib.util

    if importlib.util.find_spec("peft") is None:
        raise ModelError(f"{folder} is an adapter, which needs PEFT; pip install peft")
