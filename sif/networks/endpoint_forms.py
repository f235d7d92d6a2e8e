"""How networks behind a URL are asked and answer in JSON: our own form, and those of two servers.

    plain   {"inputs": [[…], …]}                                 ->  {"outputs": [[…], …]}
    tf      {"instances": [[…], …]} or {"inputs": {NAME: …}}     ->  {"predictions" or "outputs": …}
    v2      {"inputs": [{"name", "datatype", "shape", "data"}]}  ->  {"outputs": [{"name", …}]}

`tf` is TensorFlow Serving's REST form (KServe's version 1 takes it too), `v2` the open inference
protocol of KServe, Triton, MLServer and OpenVINO. Knows nothing of how bytes travel.
"""

import json
import re
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import torch
from torch import Tensor

from sif.http.refusal import one_line, words_of
from sif.networks.placing import (
    Place,
    Placing,
    Task,
    check_size,
    choose_input,
    choose_output,
    laid,
    other_inputs,
    output_of,
)
from sif.vlm.plain_words import shown

Form = Literal["plain", "tf", "v2"]
TF: Final = re.compile(r"/v1/models/[^/]+(/(versions|labels)/[^/]+)?:predict/?$")
V2: Final = re.compile(r"/v2/models/[^/]+(/versions/[^/]+)?/infer/?$")
OF_TF: Final = {
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
    "DT_HALF": "float16",
    "DT_BOOL": "bool",
    **{f"DT_{kind.upper()}": kind for kind in ("int8", "int16", "int32", "int64")},
    **{f"DT_{kind.upper()}": kind for kind in ("uint8", "uint16", "uint32", "uint64")},
}
OF_V2: Final = {
    **{f"FP{bits}": f"float{bits}" for bits in (16, 32, 64)},
    **{f"INT{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    "BOOL": "bool",
}
UNNAMED: Final = "input-0"
DEEPEST: Final = 32
"""Axes that an input or output may have."""


class Declared(NamedTuple):
    """What a server says of a model; empty where it says nothing."""

    inputs: tuple[Place, ...] = ()
    outputs: tuple[Place, ...] = ()


class Request(NamedTuple):
    """What to send, how many rows of it are asked for, and what was done to them, in words."""

    body: dict[str, Any]
    notes: tuple[str, ...] = ()


def form_of(url: str) -> Form:
    """The form that a URL shows."""
    path = urlsplit(url).path
    if TF.search(path):
        return "tf"
    return "v2" if V2.search(path) else "plain"


def describing(url: str, form: Form) -> str | None:
    """Where a server of this form describes its model; None where there is no such place."""
    base = url.split("?")[0].rstrip("/")
    if form == "tf" and base.endswith(":predict"):
        return f"{base.removesuffix(':predict')}/metadata"
    return base.removesuffix("/infer") if form == "v2" and base.endswith("/infer") else None


def declared(form: Form, said: Any, signature: str) -> Declared:
    """Inputs and outputs as a server describes them; nothing of what cannot be understood.

    Args:
        form: of the server.
        said: its description, any JSON.
        signature: of TensorFlow's model.
    """
    try:
        if form == "v2":
            return Declared(*(tuple(map(_of_v2, said[side])) for side in ("inputs", "outputs")))
        signatures = said["metadata"]["signature_def"]
        found = signatures.get("signature_def", signatures)[signature]
        return Declared(
            *(
                tuple(_of_tf(name, one) for name, one in found[side].items())
                for side in ("inputs", "outputs")
            )
        )
    except (AttributeError, LookupError, TypeError, ValueError):
        return Declared()


def requested(
    form: Form, inputs: Tensor, known: Declared, said: Placing, task: Task | None, signature: str
) -> Request:
    """A batch of inputs in a server's form.

    Raises:
        MisfitError: inputs that the model's own description leaves open, or refuses.
    """
    chosen = Place(said.input or UNNAMED, "float32")
    if known.inputs:
        chosen = choose_input(known.inputs, said, task)
    array, notes = laid(inputs, chosen, said, None if task is None else task.domain)
    if form == "plain":
        return Request({"inputs": array.tolist()}, notes)
    size = chosen.shape[0] if chosen.shape else None
    if size and size > 1 and len(array) < size:
        check_size((size, *array.shape[1:]), chosen)
        array = np.concatenate([array, np.repeat(array[-1:], size - len(array), axis=0)])
    others = other_inputs(known.inputs or (chosen,), chosen, said, batch=len(array))
    if form == "v2":
        body: dict[str, Any] = {
            "inputs": [_tensor(name, one) for name, one in {chosen.name: array, **others}.items()]
        }
        if known.outputs:
            body["outputs"] = [{"name": choose_output(known.outputs, said, task).name}]
        elif said.output:
            body["outputs"] = [{"name": said.output}]
        return Request(body, notes)
    named = {} if signature == "serving_default" else {"signature_name": signature}
    if others:
        columns = {chosen.name: array, **others}
        return Request(
            named | {"inputs": {name: one.tolist() for name, one in columns.items()}}, notes
        )
    return Request(named | {"instances": array.tolist()}, notes)


def most_rows(form: Form, known: Declared, said: Placing, task: Task | None) -> int | None:
    """How many inputs a model takes at once, where its description fixes that.

    Raises:
        MisfitError: the description leaves open which input is meant.
    """
    if form == "plain" or not known.inputs:
        return None
    shape = choose_input(known.inputs, said, task).shape
    return shape[0] if shape else None


def outputs(said: Any, known: Declared, asked: Placing, task: Task | None) -> Tensor:
    """The outputs in a reply of any of the forms; null counts as a number that is not finite.

    Raises:
        ValueError: no batch of numbers, or several and none is chosen.
    """
    if not isinstance(said, dict):
        raise ValueError("no object")
    found = said.get("outputs", said.get("predictions"))
    if found is None:
        words = one_line(words_of(json.dumps(said)))
        raise ValueError(f"neither outputs nor predictions but {words}")
    if isinstance(found, list) and found and all(isinstance(one, dict) for one in found):
        found = _tensors(found) if {"name", "data"} <= set(found[0]) else _columns(found)
    if isinstance(found, dict):
        found = _chosen(found, known, asked, task)
    try:
        with np.errstate(over="ignore"):  # beyond float32 is infinite
            numbers = np.array(_without_null(found), dtype=np.float32)
    except (TypeError, ArithmeticError) as error:
        raise ValueError("something that is no number") from error
    if numbers.ndim == 0:
        raise ValueError("a single number")
    return torch.from_numpy(output_of(numbers, None if task is None else task.outputs))


def _chosen(named: dict[str, Any], known: Declared, asked: Placing, task: Task | None) -> Any:
    places = [Place(name, _kind(value), _shape(value)) for name, value in named.items()]
    declared_ones = {place.name: place for place in known.outputs}
    places = [declared_ones.get(place.name, place) for place in places]
    return named[choose_output(places, asked, task).name]


def _kind(value: Any) -> str:
    while isinstance(value, list) and value:
        value = value[0]
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return "float32" if numeric or value is None else type(value).__name__


def _shape(value: Any) -> tuple[int, ...]:
    sizes: list[int] = []
    while isinstance(value, list) and len(sizes) < DEEPEST:
        sizes.append(len(value))
        value = value[0] if value else None
    return tuple(sizes)


def _tensors(found: list[dict[str, Any]]) -> dict[str, Any]:
    """KServe's tensors by name, each as nested lists."""
    named: dict[str, Any] = {}
    for one in found:
        name, data, shape = one.get("name"), one.get("data"), one.get("shape")
        if not isinstance(name, str) or not isinstance(data, list):
            raise ValueError("an output without name or data")
        if isinstance(shape, list) and all(_is_size(size) for size in shape):
            array = np.array(_without_null(data), dtype=object).reshape(-1)
            if array.size != int(np.prod(shape, dtype=object)):
                raise ValueError(f"{array.size} numbers for the shape {shown(shape)}")
            data = array.reshape(shape).tolist()
        named[name] = data
    return named


def _columns(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows of named outputs as TensorFlow gives them, by name."""
    names = list(found[0])
    if any(list(one) != names for one in found):
        raise ValueError("rows of different outputs")
    return {name: [one[name] for one in found] for name in names}


def _is_size(size: Any) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and size >= 0


def _without_null(said: Any, depth: int = 0) -> Any:
    if isinstance(said, list) and depth < DEEPEST:
        return [_without_null(one, depth + 1) for one in said]
    if isinstance(said, bool | str | dict | list):
        raise ValueError("something that is no number")
    return float("nan") if said is None else said


def _tensor(name: str, array: np.ndarray) -> dict[str, Any]:
    words = {kind: word for word, kind in OF_V2.items()}
    return {
        "name": name,
        "shape": list(array.shape),
        "datatype": words[str(array.dtype)],
        "data": array.reshape(-1).tolist(),
    }


def _of_v2(one: dict[str, Any]) -> Place:
    return Place(
        str(one["name"]),
        OF_V2.get(str(one["datatype"]), str(one["datatype"])),
        _sizes(one["shape"]),
    )


def _of_tf(name: str, one: dict[str, Any]) -> Place:
    sizes = one.get("tensor_shape", {}).get("dim", ())
    return Place(
        str(name),
        OF_TF.get(str(one["dtype"]), str(one["dtype"])),
        _sizes([size["size"] for size in sizes]),
    )


def _sizes(written: Any) -> tuple[int | None, ...]:
    sizes = tuple(_size(size) for size in written)
    if len(sizes) > DEEPEST:
        raise ValueError("more axes than any input has")
    return sizes


def _size(written: Any) -> int | None:
    size = int(written)
    return size if size > 0 else None
