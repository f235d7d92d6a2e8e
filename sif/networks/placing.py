"""How inputs are laid into what a network of others declares, and which of its outputs is meant.

An export may want pictures with their channels last, flat rows, bytes, or batches of four, and may
give labels beside its logits. What the declared shapes leave no doubt of is done and said; what is
left open is asked. Knows nothing of files or of networks behind a URL.
"""

import math
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from sif.networks.domain import IMAGE_AXES, Domain, Inputs
from sif.networks.network import MisfitError
from sif.vlm.plain_words import shown

Layout = Literal["nchw", "nhwc", "flat"]
FLOATS: Final = ("float16", "float32", "float64")
WHOLE: Final = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
BYTES_LEVELS: Final = 256
# A switch of networks that were exported in the middle of their training.
SWITCHES: Final = ("training", "is_training", "train", "training_mode", "is_train")
MOST_LISTED: Final = 8
MOST_MADE: Final = 20_000_000
"""Values of an input that a description has us make, by a fixed batch or shape of its own."""


class Place(NamedTuple):
    """An input or an output as a network declares it.

    Attributes:
        name: of it.
        kind: numpy's word for its numbers, or the network's own where numpy has none.
        shape: with the batch in front; None where any size will do. Empty where nothing is known.
    """

    name: str
    kind: str
    shape: tuple[int | None, ...] = ()

    def __str__(self) -> str:
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{shown(self.name)} ({shown(self.kind)} [{sizes}])"


class Placing(BaseModel):
    """What an address may say of it, behind its question mark.

    Attributes:
        input: name of the input that gets the fingerprints.
        output: name of the output to read.
        layout: "nhwc" puts channels last, "nchw" first, "flat" makes rows.
        scale: that numbers are multiplied by, and rounded where whole ones are wanted.
        fill: numbers for other inputs, as "training:0,keep:1".
        labels: of the classes in the owner's order, with commas between, where an output is a
            table by labels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    input: str | None = Field(default=None, min_length=1, max_length=500)
    output: str | None = Field(default=None, min_length=1, max_length=500)
    layout: Layout | None = None
    scale: float | None = Field(default=None, gt=0)
    fill: str | None = Field(default=None, pattern=r"^[^:,]+:[^:,]+(,[^:,]+:[^:,]+)*$")
    labels: str | None = Field(default=None, min_length=1, max_length=100_000)

    @property
    def filled(self) -> dict[str, float]:
        """Numbers of other inputs, by name.

        Raises:
            MisfitError: one is no number.
        """
        pairs = (pair.split(":") for pair in self.fill.split(",")) if self.fill else ()
        try:
            return {name: float(number) for name, number in pairs}
        except ValueError as error:
            raise MisfitError("has inputs that ?fill=NAME:NUMBER gives no numbers") from error


class Task(NamedTuple):
    """What is known of the fingerprint's task.

    Attributes:
        domain: of its inputs.
        outputs: shape of one output.
    """

    domain: Domain
    outputs: tuple[int, ...]


def choose_input(places: Sequence[Place], said: Placing, task: Task | None) -> Place:
    """The input that gets the fingerprints.

    Raises:
        MisfitError: no such input, or several that might be meant.
    """
    if said.input is not None:
        return _named(places, said.input, "input")
    filled = said.filled
    open_places = [place for place in places if place.name not in filled and not _is_switch(place)]
    if task is not None and len(open_places) > 1:
        size = math.prod(task.domain.shape)
        open_places = [place for place in open_places if _may_hold(place.shape[1:], size)]
    if len(open_places) != 1:
        raise MisfitError(
            f"has the inputs {_list(places)}; name the one for the fingerprints with ?input=NAME "
            "and give the others a number with ?fill=NAME:NUMBER"
        )
    return open_places[0]


def choose_output(places: Sequence[Place], said: Placing, task: Task | None) -> Place:
    """The output to read: of the task's shape, and its logits where there are several.

    Raises:
        MisfitError: none fits, or several do.
    """
    if said.output is not None:
        return _named(places, said.output, "output")
    fitting = [place for place in places if _reads(place, None if task is None else task.outputs)]
    logits = [place for place in fitting if "logit" in place.name.lower()]
    if len(fitting) > 1 and len(logits) == 1:
        fitting = logits
    if len(fitting) == 1:
        return fitting[0]
    wanted = "numbers" if task is None else f"shape {task.outputs}"
    raise MisfitError(
        f"has {len(fitting) or 'no'} outputs of {wanted}, of {_list(places)}; name the one that "
        "is meant with ?output=NAME"
    )


def other_inputs(
    places: Sequence[Place], chosen: Place, said: Placing, *, batch: int
) -> dict[str, np.ndarray]:
    """What every input but the chosen one gets: its number, or false where it is a switch.

    Raises:
        MisfitError: an input without a number, or a number for none of them.
    """
    filled = said.filled
    strange = set(filled) - {place.name for place in places if place != chosen}
    if strange:
        raise MisfitError(f"has no other input {shown(min(strange))}, but {_list(places)}")
    others = {}
    for place in places:
        if place == chosen:
            continue
        if place.name not in filled and not _is_switch(place):
            raise MisfitError(
                f"wants the input {place} besides {shown(chosen.name)}; give it a number with "
                f"?fill={shown(place.name)}:NUMBER"
            )
        kind = place.kind if place.kind in (*FLOATS, *WHOLE, "bool") else "float32"
        sizes = [batch if not number else 1 for number in range(len(place.shape))]
        shape = [given or size for given, size in zip(place.shape, sizes, strict=True)]
        check_size(shape, place)
        others[place.name] = np.full(shape, filled.get(place.name, 0.0)).astype(kind)
    return others


def check_size(shape: Sequence[int], place: Place) -> None:
    """Whether so many values can be made for an input.

    Raises:
        MisfitError: a description asks for more than is sent.
    """
    values = math.prod(shape)
    if values > MOST_MADE:
        raise MisfitError(
            f"wants {values:,} values at once for {place}, more than the {MOST_MADE:,} that are "
            "made for an input; serve it with smaller batches"
        )


def switched_off(places: Sequence[Place], said: Placing) -> tuple[str, ...]:
    """In words, the switches that get false since nobody said anything else."""
    names = [place.name for place in places if _is_switch(place) and place.name not in said.filled]
    return tuple(f"its input {shown(name)} was false" for name in names)


class Laid(NamedTuple):
    """Inputs as a network takes them, and what was done to them, in words."""

    array: np.ndarray
    notes: tuple[str, ...]


def laid(inputs: Inputs, place: Place, said: Placing, domain: Domain | None) -> Laid:
    """Inputs in the layout and in the kind of numbers that a place wants.

    Raises:
        MisfitError: shapes that cannot be brought together, or whole numbers without a scale.
    """
    moved, notes = _moved(inputs, place, said.layout)
    if place.kind in FLOATS:
        exact = moved.double() * said.scale if said.scale is not None else moved
        return Laid(np.ascontiguousarray(exact.numpy()).astype(place.kind), notes)
    if place.kind not in WHOLE:
        raise MisfitError(f"wants {place}; only numbers can be given to it")
    if said.scale is not None:
        whole = (moved.double() * said.scale).round().numpy()
    elif domain is not None and domain.levels == BYTES_LEVELS and place.kind == "uint8":
        whole = _moved(domain.encode(inputs), place, said.layout)[0].numpy()
        notes = (*notes, "fed as bytes, 0 for the least value of an input and 255 for the largest")
    else:
        raise MisfitError(
            f"wants whole numbers for {place}; say by what the inputs are to be multiplied, as "
            "?scale=255"
        )
    least, most = np.iinfo(place.kind).min, np.iinfo(place.kind).max
    if whole.size and (whole.min() < least or whole.max() > most):
        raise MisfitError(
            f"wants {shown(place.kind)} numbers from {least} to {most}, got {whole.min():g} to "
            f"{whole.max():g}; choose another ?scale="
        )
    return Laid(np.ascontiguousarray(whole).astype(place.kind), notes)


def output_of(said: np.ndarray, outputs: tuple[int, ...] | None) -> np.ndarray:
    """An output in the task's shape where the two differ in axes of size one alone."""
    if outputs is None or said.ndim == 0 or said.shape[1:] == outputs:
        return said
    if _without_ones(said.shape[1:]) == _without_ones(outputs):
        return said.reshape(len(said), *outputs)
    return said


def from_table(rows: Sequence[dict[Any, float]], labels: str | None) -> list[list[float]]:
    """A row of numbers for every table by labels, in the order of the classes.

    Raises:
        MisfitError: labels that are no numbers, and nobody says their order; or other labels.
    """
    order = labels.split(",") if labels is not None else None
    found = []
    for row in rows:
        words = {str(label): number for label, number in row.items()}
        if order is None:
            if not all(word.lstrip("-").isdigit() for word in words):
                raise MisfitError(
                    f"gives a table by labels ({shown(', '.join(sorted(words)))}); say them in "
                    "the order of the owner's classes: ?labels=ONE,TWO,…"
                )
            order = sorted(words, key=int)
        if set(order) != set(words) or len(order) != len(words):
            raise MisfitError(
                f"gives a table by the labels {shown(', '.join(sorted(words)))}, expected "
                f"{shown(', '.join(order))}"
            )
        found.append([float(words[word]) for word in order])
    return found


def _moved(inputs: Tensor, place: Place, layout: Layout | None) -> tuple[Tensor, tuple[str, ...]]:
    features, wanted = tuple(inputs.shape[1:]), place.shape[1:]
    image = len(features) == IMAGE_AXES
    if layout == "nhwc":
        if not image:
            raise MisfitError(f"?layout=nhwc is for pictures; the inputs have the shape {features}")
        return inputs.permute(0, 2, 3, 1).contiguous(), ()
    if layout == "flat":
        return inputs.flatten(1), ()
    if layout == "nchw" or not place.shape or _fits(features, wanted):
        return inputs, ()
    if image and _fits((*features[1:], features[0]), wanted):
        return inputs.permute(0, 2, 3, 1).contiguous(), ("fed with channels last",)
    flat = (math.prod(features),)
    if _fits(flat, wanted):
        return inputs.flatten(1), ("fed as flat rows",)
    known = [size for size in wanted if size is not None]
    alike = len(features) == 1 or _without_ones(features) == _without_ones(known)
    if alike and len(known) == len(wanted) and math.prod(known) == flat[0]:
        return inputs.reshape(len(inputs), *known), (f"fed in the shape {tuple(known)}",)
    raise MisfitError(
        f"does not take inputs of shape {features}, but {place}; name a network of this task, or "
        "say how they are to be laid with ?layout=nhwc or ?layout=flat"
    )


def _fits(features: Sequence[int], wanted: Sequence[int | None]) -> bool:
    return len(features) == len(wanted) and all(
        size is None or size == own for own, size in zip(features, wanted, strict=True)
    )


def _may_hold(wanted: Sequence[int | None], size: int) -> bool:
    known = math.prod(one for one in wanted if one is not None)
    return bool(wanted) and (known == size or (None in wanted and size % max(known, 1) == 0))


def _reads(place: Place, outputs: tuple[int, ...] | None) -> bool:
    """Whether an output may be the task's."""
    if place.kind.startswith("table"):
        return outputs is None or len(_without_ones(outputs)) <= 1
    if place.kind not in FLOATS:
        return False
    if outputs is None or not place.shape:
        return True
    sizes = place.shape[1:]
    if None in sizes:
        return _fits(outputs, sizes)
    return _without_ones(sizes) == _without_ones(outputs)


def _without_ones(sizes: Sequence[int | None]) -> tuple[int | None, ...]:
    return tuple(size for size in sizes if size != 1)


def _is_switch(place: Place) -> bool:
    return place.kind == "bool" and place.name.lower() in SWITCHES


def _named(places: Sequence[Place], name: str, what: str) -> Place:
    for place in places:
        if place.name == name:
            return place
    raise MisfitError(f"has no {what} {shown(name)}, but {_list(places)}")


def _list(places: Sequence[Place]) -> str:
    listed = ", ".join(map(str, places[:MOST_LISTED])) or "none"
    return f"{listed}, …" if len(places) > MOST_LISTED else listed
