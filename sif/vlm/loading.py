"""Weights as their files have them: no tensor is made up, none is left out without a word.

transformers fills what a folder lacks with random values and goes on; a real copy would then look
like a stranger. Its loading report is read here. Knows nothing of processors or of devices.
"""

import json
import logging
import math
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch

from sif.errors import ModelError
from sif.vlm.foreign import READING, UNPICKLING
from sif.vlm.plain_words import first_line, shown
from sif.vlm.quantised import quantised
from sif.vlm.stored import damaged, lost_shards, misnamed, named_twice, refuse_doubtful, tensors_in

MOST_NAMED: Final = 4
# What wrappers put before the names of the model inside, or into them.
WRAPPED: Final = {
    "base_model.model.": "saved from inside a PEFT wrapper",
    ".base_layer.": "saved with the adapters of PEFT still in it",
    "lora_": "saved with the adapters of PEFT still in it",
    "module.": "saved from inside a data-parallel wrapper",
    "_orig_mod.": "saved from a compiled model",
    "_fsdp_wrapped_module.": "saved from inside an FSDP wrapper",
}
SCALES: Final = re.compile(
    r"\.(qweight|qzeros|scales|g_idx|absmax|SCB|weight_scale\w*|weight_packed|quant_map|"
    r"nested_absmax|weight\.(absmax|quant_\w+))(\.|$)"
)
# Layers of a list, by their number in a tensor's name.
NUMBERED: Final = re.compile(r"\.(\d{1,9})(?=\.)")
# Bytes of the smallest numbers that can be infinite or none: eight bits have codes of their own.
SMALLEST: Final = 2
SPECIAL_IDS: Final = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")
# Who of transformers writes the table of gaps.
SPEAKERS: Final = ("modeling_utils", "integrations.peft")
NO_MEMORY: Final = re.compile("allocate|out of memory", re.I)

logger = logging.getLogger(__name__)


def load_weights(kind: Any, source: str | Path, **options: Any) -> Any:
    """A model whose weights are all those of its files; never remote code.

    Args:
        kind: class of transformers, or an auto class.
        source: folder or hub id.
        options: handed on to `from_pretrained`.

    Raises:
        ModelError: damaged files, or files that lack tensors of the model, have others in other
            shapes, or hold some that change what its layers compute and are not asked for, or hold
            values that are no finite numbers.
    """
    plain = quantised(source) is None
    refuse_doubtful(source, plain=plain)
    with without_its_report():
        try:
            model, report = kind.from_pretrained(
                source,
                trust_remote_code=False,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                **options,
            )
        except READING as error:
            raise ModelError(_failed(source, error)) from error
    _refuse_gaps(model, report, source)
    if plain and "quantization_config" not in options:
        _refuse_two_names(model, report, source)
    refuse_no_numbers(model, source)
    _refuse_wild_ids(model, source)
    return model


def named_class(config: Any) -> str:
    """The class that a configuration names first; empty where it names none in words."""
    names = getattr(config, "architectures", None)
    first = names[0] if isinstance(names, list | tuple) and names else ""
    return first if isinstance(first, str) else ""


def _refuse_gaps(model: Any, report: dict[str, Any], source: str | Path) -> None:
    """Looks at what transformers says of loading; tied weights and documented extras are no gap.

    Args:
        model: as loaded.
        report: of `from_pretrained(output_loading_info=True)`.
        source: where it came from.

    Raises:
        ModelError: a tensor is missing, has another shape, or was left out though it matters.
    """
    missing, strange = set(report["missing_keys"]), set(report["unexpected_keys"])
    misfits = {name: (there, wanted) for name, there, wanted in report["mismatched_keys"]}
    missing -= set(getattr(model, "all_tied_weights_keys", None) or {})
    whole = len(model.state_dict())
    if misfits:
        name, (there, wanted) = min(misfits.items())
        raise ModelError(
            f"expected the weights of {source} in the shapes that its config.json gives, got "
            f"{len(misfits)} of {whole} tensors in others, {shown(name)} with {list(there)} for "
            f"{list(wanted)} to begin with; {_cause(model, missing, strange, source)}"
        )
    if missing:
        raise ModelError(
            f"expected all weights of {type(model).__name__} in {source}, got none for "
            f"{len(missing)} of {whole} tensors ({_some(missing)}), which would be random; "
            f"{_cause(model, missing, strange, source)}"
        )
    matter = _of_layers(model, strange)
    if matter:
        raise ModelError(
            f"expected only weights that {type(model).__name__} has in {source}, got "
            f"{len(matter)} tensors of its layers that it would leave out ({_some(matter)}); "
            f"{_cause(model, missing, matter, source)}"
        )
    if strange:
        logger.warning(
            "%s holds %d tensors that %s has no place for and leaves out: %s",
            *(source, len(strange), type(model).__name__, _some(strange)),
        )


def _refuse_two_names(model: Any, report: dict[str, Any], source: str | Path) -> None:
    """More tensors are used than the model has: then some have two names for one place."""
    used = tensors_in(source) - len(report["unexpected_keys"])
    twice = named_twice(source) if used > len(model.state_dict()) else None
    if twice is not None:
        raise ModelError(
            f"expected each tensor of {type(model).__name__} once in {source}, got two of other "
            f"values that both become one, {shown(twice[0])} and {shown(twice[1])}; save the model "
            "again from where it is from"
        )


def _refuse_wild_ids(model: Any, source: str | Path) -> None:
    """Special ids are all that is taken from a model's generation defaults.

    Raises:
        ModelError: one is no token's number.
    """
    own = getattr(model, "generation_config", None)
    for name in SPECIAL_IDS:
        found = getattr(own, name, None)
        several = found if isinstance(found, list | tuple) else [found]
        if any(one is not None and type(one) is not int for one in several):
            raise ModelError(
                f"expected the number of a token as {name} in generation_config.json or "
                f"config.json of {source}, got {shown(repr(found))}; take it from the model's own "
                "release"
            )


def refuse_no_numbers(model: Any, source: str | Path) -> None:
    """A model with such weights answers nothing, and would look like a stranger.

    Raises:
        ModelError: a weight is infinite or not a number.
    """
    for name, weight in model.named_parameters():
        if weight.is_meta or not weight.is_floating_point() or weight.element_size() < SMALLEST:
            continue
        ends = weight.detach().aminmax() if weight.numel() else ()
        if not all(bool(torch.isfinite(end)) for end in ends):
            precision = str(weight.dtype).removeprefix("torch.")
            raise ModelError(
                f"expected weights that are finite numbers in {source}, got others in "
                f"{shown(name)} in {precision}; it is damaged or of a training that diverged: copy "
                "it again, or load it in bfloat16 where float16 was not enough"
            )


def _of_layers(model: Any, strange: Collection[str]) -> set[str]:
    """Tensors left out that matter.

    They belong to a layer which the model has, as a scale or a bias would, or to one more of a list
    of layers than its configuration counts.
    """
    layers = {
        name
        for name, module in model.named_modules()
        if name and any(True for _ in module.parameters(recurse=False))
    }
    return _uncounted(model, strange) | {
        name
        for name in strange
        if any(name[: spot.start()] in layers for spot in re.finditer(r"\.", name))
    }


def _uncounted(model: Any, strange: Collection[str]) -> set[str]:
    """Tensors of layers behind the last one; but those that predict further words may be there."""
    lists = {
        name: len(module)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.ModuleList)
    }
    told = getattr(model.config.get_text_config(), "num_nextn_predict_layers", None)
    further = told if isinstance(told, int) else 0
    return {
        name
        for name in strange
        for listed in NUMBERED.finditer(name)
        if int(listed[1]) >= lists.get(name[: listed.start()], math.inf)
        and int(listed[1]) - lists[name[: listed.start()]] not in range(further)
    }


def _cause(
    model: Any, missing: Collection[str], strange: Collection[str], source: str | Path
) -> str:
    """The likeliest reason and its mend."""
    lost = lost_shards(source)
    if lost:
        return f"its index names {_some(lost)}, which is not there: copy the whole folder again"
    for mark, how in WRAPPED.items():
        if any(mark in name for name in strange):
            return (
                f"it was {how} (its names have {mark!r}): save the model inside, merged, with "
                "save_pretrained, or name the adapter's own folder"
            )
    if any(SCALES.search(name) for name in strange):
        return (
            "it holds quantised weights and its config.json says nothing of it: take config.json "
            "from where the weights are from"
        )
    named = named_class(model.config)
    if named and named != type(model).__name__:
        return (
            f"its config.json speaks of {shown(str(named))}, another architecture than "
            f"{type(model).__name__}: convert it, or take the config.json that belongs to it"
        )
    if strange:
        return (
            f"it has other names or parts ({_some(strange)}): take the config.json that belongs "
            "to the weights, or save both again with save_pretrained"
        )
    if not missing:
        return "take the config.json that belongs to the weights"
    return "a file is missing or was cut: copy the whole folder again"


def _failed(source: str | Path, error: BaseException) -> str:
    lost, kind, broken = lost_shards(source), quantised(source), damaged(source)
    instead, defaults = misnamed(source), _of_defaults(source)
    if instead is not None:
        return (
            f"cannot load the weights of {source}: expected model.safetensors, or "
            f"model.safetensors.index.json with its shards, got {instead}; copy the whole folder "
            "again, or give its files their names back"
        )
    if lost:
        return (
            f"cannot load the weights of {source}: its index names {_some(lost)}, which is not "
            "there; copy the whole folder again"
        )
    if broken is not None:
        return f"cannot load the weights of {source}: {broken}"
    if isinstance(error, (UNPICKLING, EOFError)):
        return (
            f"cannot load the weights of {source}: its file of weights is a pickle (.bin) that is "
            "damaged or holds more than tensors, which could run code and is not read; take the "
            "safetensors of the model's own release"
        )
    if isinstance(error, MemoryError) or NO_MEMORY.search(str(error)):
        return (
            f"cannot load the weights of {source}: a tensor as large as its config.json says does "
            "not fit into memory; take the config.json that belongs to the weights, or a machine "
            f"with more memory ({first_line(error)})"
        )
    if defaults is not None:
        return (
            f"cannot read the generation_config.json of {source}: {first_line(defaults)}; take it "
            "from the model's own release, or remove it"
        )
    if kind is None:
        return (
            f"cannot load the weights of {source}: {first_line(error)}; take config.json and the "
            "weights from one place"
        )
    return (
        f"{source} is {kind.words}, which transformers cannot run here: {first_line(error)}; "
        + (kind.readers)
    )


def _of_defaults(source: str | Path) -> BaseException | None:
    """What transformers finds at fault in a folder's generation defaults; None for nothing."""
    from transformers import GenerationConfig

    if not (Path(source).expanduser() / "generation_config.json").is_file():
        return None
    try:
        GenerationConfig.from_pretrained(source)
    except (OSError, json.JSONDecodeError):  # not needed: transformers goes on without
        return None
    except READING as error:
        return error
    return None


@contextmanager
def without_its_report() -> Iterator[None]:
    """The table of gaps of transformers is not shown: what matters of it is said in one line."""
    speakers = [logging.getLogger(f"transformers.{name}") for name in SPEAKERS]
    for speaker in speakers:
        speaker.addFilter(_is_no_report)
    try:
        yield
    finally:
        for speaker in speakers:
            speaker.removeFilter(_is_no_report)


def _is_no_report(record: logging.LogRecord) -> bool:
    return "LOAD REPORT" not in str(record.msg)


def _some(names: Collection[str]) -> str:
    first = [shown(name) for name in sorted(names)[:MOST_NAMED]]
    return ", ".join(first) + (", …" if len(names) > MOST_NAMED else "")
