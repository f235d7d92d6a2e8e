"""The file that `sif metav train` reads: an owner's network, data, and whom to tell apart.

Paths in it are relative to the file. Knows nothing of training.
"""

import reprlib
from pathlib import Path
from typing import Final, Literal

import torch
from pydantic import ConfigDict, Field, ValidationError
from safetensors.torch import load_file

from sif.errors import UsageError
from sif.files import is_there
from sif.networks.domain import Domain
from sif.networks.method import METHODS, Method
from sif.networks.reading import OutputKind
from sif.networks.thefts import AnyObfuscation
from sif.networks.thefts.dataset import Dataset
from sif.networks.thefts.fit import Fit
from sif.plain_files import read_text_file, refuse_pipe
from sif.validation import Numeric, first_fault
from sif.vlm.foreign import READING
from sif.vlm.plain_words import first_line, shown
from sif.yaml_once import NoYamlError, read_yaml

ADDRESSES = ("torch:", "onnx:", "hf:")
# Networks that are made; seeds of one purpose would meet those of another above.
MOST: Final = 10_000
LARGEST: Final = 16 * 2**20
LONGEST_REASON: Final = 300
# What a reader of YAML raises, at dates that are none and at deep nesting too.
UNREADABLE: Final = (*READING, NoYamlError)


class _Part(Numeric):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Copies(_Part):
    """The positive side.

    Attributes:
        networks: addresses of copies that are there, checkpoints of the protected one among them.
        made: thefts to carry out on the protected network here.
        seeds: copies of each theft.
    """

    networks: tuple[str, ...] = ()
    made: tuple[AnyObfuscation, ...] = ()
    seeds: int = Field(default=1, ge=1, le=MOST)


class Independent(_Part):
    """A negative side.

    Attributes:
        networks: addresses of independent networks that are there.
        made: networks of the protected one's architecture to train here from new initial weights.
            For `contrast` they are its references: `training` must be the protected network's.
        training: of those; they are also kept at checkpoints from 35% to 85% of it.
    """

    networks: tuple[str, ...] = ()
    made: int = Field(default=0, ge=0, le=MOST)
    training: Fit = Fit()


class Claims(Independent):
    """Independent networks that neither train nor stop anything: the threshold is chosen on them.

    Attributes:
        false_positive_rate: that is wanted.
    """

    false_positive_rate: float = Field(default=0.05, gt=0, lt=1)


class TrainConfig(_Part):
    """Everything that decides a fingerprint.

    Attributes:
        task: a word for it.
        inputs: shape and range of an input.
        outputs: what networks give.
        data: safetensors file with `inputs` (float, or uint8 codes of the levels) and `targets`
            (int64 classes, or float).
        protected: address of the owner's network; `torch:` or `hf:`, for gradients.
        copies: positive side.
        independent: negative side.
        stopping: share of both sides that is not trained on and says when to stop.
        threshold: networks to choose it on, and the rate; `contrast` needs the rate alone.
        method: "metav", "liteguard", "near", "contrast", or settings.
        seed: of everything that is drawn.
    """

    task: str = Field(min_length=1)
    inputs: Domain
    outputs: OutputKind
    data: Path
    protected: str
    copies: Copies
    independent: Independent
    stopping: float = Field(default=0.2, ge=0, lt=1)
    threshold: Claims = Claims()
    method: Literal["metav", "liteguard", "near", "contrast"] | Method = "metav"
    seed: int = Field(default=0, ge=0, lt=2**62)

    @property
    def settings(self) -> Method:
        """Of the method."""
        return self.method if isinstance(self.method, Method) else METHODS[self.method]


def read_config(path: Path) -> TrainConfig:
    """A configuration, its paths made independent of where the command runs.

    Raises:
        UsageError: no such file, no YAML, or a wrong value (says which).
    """
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"expected a YAML file of at most {LARGEST // 2**20} MiB at {path}")
        written = read_yaml(read_text_file(path))
    except UNREADABLE as error:
        reason = shown(" ".join(str(error).split()), longest=LONGEST_REASON)
        raise UsageError(f"expected a YAML file at {path}: {reason}") from error
    try:
        config = TrainConfig.model_validate(written)
    except ValidationError as error:
        where, what, got = first_fault(error)
        raise UsageError(
            f"{path}: {shown(where) or 'the file'}: {shown(what, longest=LONGEST_REASON)}, got "
            f"{_shortly(got)}"
        ) from error
    return _placed(config, path.parent)


def read_data(file: Path, domain: Domain) -> Dataset:
    """The examples in the file that a configuration names, within the bounds of its inputs.

    Raises:
        UsageError: no such file, no inputs and targets in it, or inputs outside of the bounds.
    """
    try:
        refuse_pipe(file)
        tensors = load_file(file)
        inputs, targets = tensors["inputs"], tensors["targets"]
    except READING as error:
        raise UsageError(
            f"expected a safetensors file with inputs and targets at {file}: {first_line(error)}"
        ) from error
    for name, tensor in (("inputs", inputs), ("targets", targets)):
        if tensor.is_complex() or tensor.dim() < 1:
            raise UsageError(
                f"expected {name} in {file} to be numbers, one row for each example, got "
                f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"
            )
    if not 0 < len(inputs) == len(targets) or (
        not targets.is_floating_point() and targets.dim() > 1
    ):
        raise UsageError(
            f"expected a number or a class in targets for each of the inputs in {file}, got "
            f"inputs of shape {tuple(inputs.shape)} and targets of {tuple(targets.shape)}"
        )
    coded = inputs.dtype == torch.uint8 and domain.levels is not None
    floats = domain.decode(inputs) if coded else inputs.float()
    return Dataset(
        inputs=domain.store(domain.check(floats, f"inputs in {file}")),
        targets=targets.float() if targets.is_floating_point() else targets.long(),
        domain=domain,
    )


def _shortly(value: object) -> str:
    """A value in a few words; aliases of YAML can make one that would fill the memory."""
    short = reprlib.Repr()
    short.maxlevel, short.maxlist, short.maxdict = 2, 3, 3
    try:
        return shown(short.repr(value))
    except ValueError:  # a whole number of thousands of digits
        return type(value).__name__


def _placed(config: TrainConfig, folder: Path) -> TrainConfig:
    def place(address: str) -> str:
        for scheme in ADDRESSES:
            path = folder / address.removeprefix(scheme)
            if address.startswith(scheme) and is_there(path):
                return f"{scheme}{path}"
        return address

    def all_of(side: Copies | Independent) -> dict[str, object]:
        return {"networks": tuple(place(address) for address in side.networks)}

    return config.model_copy(
        update={
            "data": folder / config.data,
            "protected": place(config.protected),
            "copies": config.copies.model_copy(update=all_of(config.copies)),
            "independent": config.independent.model_copy(update=all_of(config.independent)),
            "threshold": config.threshold.model_copy(update=all_of(config.threshold)),
        }
    )
