"""ONNX files of others, run in a process of their own with a limit to its time and its memory.

A graph may loop without end, ask for all memory, or crash its runtime: then the process ends and
one sentence says so. What comes back is a line of JSON and raw numbers, nothing that could run.
Weights beside the file are read from its own folder alone; onnxruntime refuses others. What a graph
declares decides how inputs are laid into it; the address may say more.
"""

import importlib.util
import math
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from pydantic import Field

from sif.child_frames import Frame
from sif.child_process import ChildEndedError, ChildLateError, ChildProcess
from sif.errors import ModelError
from sif.networks import onnx_child
from sif.networks.domain import Inputs
from sif.networks.network import MisfitError, Outputs
from sif.networks.placing import (
    FLOATS,
    WHOLE,
    Place,
    Placing,
    Task,
    check_size,
    choose_input,
    choose_output,
    from_table,
    laid,
    other_inputs,
    output_of,
    switched_off,
)
from sif.vlm.plain_words import shown

GIB: Final = 2**30
BEGINNING: Final = 30.0
"""Seconds more for the process to begin in, on a busy machine."""
LONGEST_ERROR: Final = 1000
MOST_THREADS: Final = 8
ENDED: Final = "ended the process it ran in"
# Numpy's words for ONNX's.
KINDS: Final = {"float": "float32", "double": "float64"}


class OnnxOptions(Placing):
    """Options behind `onnx:FILE?`.

    Attributes:
        timeout: seconds for opening the file, and for each batch.
        memory: GiB that the graph may take, beyond four times the size of the file.
    """

    timeout: float = Field(default=120.0, gt=0, le=86_400)
    memory: float = Field(default=4.0, gt=0, le=4096)


class OnnxNetwork:
    """The graph of an ONNX file, on the CPU.

    Args:
        path: of the file.
        options: of its address.
        task: of the fingerprint; None where nothing is known of it.

    Raises:
        ModelError: onnxruntime is not installed, no such file, no graph that it can run, or one
            that leaves open what is its input or output.
    """

    def __init__(
        self, path: Path, options: OnnxOptions | None = None, task: Task | None = None
    ) -> None:
        if importlib.util.find_spec("onnxruntime") is None:
            raise ModelError("ONNX files need onnxruntime: pip install 'sif-lvlm[onnx]'")
        if not path.is_file():
            raise ModelError(f"expected an ONNX file at {path}, found none")
        self._options, self._task = options or OnnxOptions(), task
        self._child = ChildProcess(onnx_child.__file__)
        try:
            found, _ = self._ask(
                {
                    "open": str(path.absolute()),
                    "memory": int(self._options.memory * GIB) + 4 * _size(path),
                    "threads": min(torch.get_num_threads(), MOST_THREADS),
                }
            )
            self._inputs = [_place(one) for one in found["inputs"]]
            outputs = [_place(one) for one in found["outputs"]]
            self._input = choose_input(self._inputs, self._options, task)
            self._output = choose_output(outputs, self._options, task)
        except MisfitError as error:
            self._child.end()
            raise ModelError(f"cannot run {path} with onnxruntime: it {error}") from error
        several = len(outputs) > 1 and self._options.output is None
        self.notes: tuple[str, ...] = (
            *((f"its output {shown(self._output.name)} was read",) if several else ()),
            *switched_off(self._inputs, self._options),
        )

    def __call__(self, inputs: Inputs) -> Outputs:
        """The outputs; a graph with a fixed batch is asked that many, the last one repeated.

        Raises:
            MisfitError: the graph does not take such inputs, or gives no numbers, or takes too long
                or too much memory.
        """
        domain = None if self._task is None else self._task.domain
        array, notes = laid(inputs, self._input, self._options, domain)
        self.notes = (*self.notes, *(note for note in notes if note not in self.notes))
        batch = self._input.shape[0] if self._input.shape else None
        size = batch or max(len(array), 1)
        if size > len(array):
            check_size((size, *array.shape[1:]), self._input)
        parts = [
            self._run(array[start : start + size], size) for start in range(0, len(array), size)
        ]
        said = np.concatenate(parts).astype(np.float32)
        return torch.from_numpy(output_of(said, None if self._task is None else self._task.outputs))

    def _run(self, part: np.ndarray, size: int) -> np.ndarray:
        short = size - len(part)
        whole = np.concatenate([part, np.repeat(part[-1:], short, axis=0)]) if short else part
        feeds = {self._input.name: whole} | other_inputs(
            self._inputs, self._input, self._options, batch=size
        )
        head = {
            "run": {name: [str(one.dtype), list(one.shape)] for name, one in feeds.items()},
            "output": self._output.name,
        }
        numbers = b"".join(np.ascontiguousarray(one).tobytes() for one in feeds.values())
        found, content = self._ask(head, numbers)
        if "table" in found:
            said = np.array(from_table([dict(row) for row in found["table"]], self._options.labels))
        else:
            said = np.frombuffer(content, found["kind"]).reshape(found["shape"])
        if said.ndim == 0 or len(said) != size:
            raise MisfitError(f"gives outputs of shape {said.shape} for {size} inputs")
        return said[: len(part)]

    def _ask(self, head: dict[str, Any], numbers: bytes = b"") -> Frame:
        """One request and its answer.

        Raises:
            MisfitError: the graph fails, the process ends, or its time is over.
        """
        options = self._options
        if self._child.number is None and "open" not in head:
            raise MisfitError(ENDED)
        try:
            beginning = BEGINNING if "open" in head else 0.0
            said = self._child.ask(Frame(head, numbers), seconds=options.timeout + beginning)
            found = _checked(said.head, len(said.content))
        except ChildLateError as error:
            raise MisfitError(
                f"was not done within {options.timeout:g} seconds and was stopped; "
                "?timeout=SECONDS gives it more"
            ) from error
        except (ChildEndedError, ValueError) as error:
            raise MisfitError(
                f"{ENDED}, as graphs do that are damaged or take more memory than the "
                f"{options.memory:g} GiB that they may; ?memory=GIB gives them more"
            ) from error
        if "error" in found:
            raise MisfitError(f"fails: {_words(str(found['error']))}")
        return said


def _size(path: Path) -> int:
    """Bytes of a file, with those of others beside it that may hold its weights."""
    beside = [one for one in path.parent.iterdir() if one.name.startswith(path.stem)]
    return sum(one.stat().st_size for one in {path, *beside} if one.is_file())


def _place(described: list[Any]) -> Place:
    name, kind, shape = described
    inner = kind.removeprefix("tensor(").removesuffix(")")
    if kind.startswith("seq(map("):
        return Place(name, f"table {inner}", ())
    return Place(name, KINDS.get(inner, inner), tuple(size or None for size in shape))


def _words(error: str) -> str:
    return shown(" ".join(error.split()), longest=LONGEST_ERROR)


def _checked(found: dict[str, Any], content: int) -> dict[str, Any]:
    """An answer in the form that the child's program gives, whoever runs in it by now.

    Raises:
        ValueError: another.
    """
    fault = ValueError("gives no answer that can be read")
    if "kind" in found:
        shape = found.get("shape")
        if found["kind"] not in (*FLOATS, *WHOLE, "bool") or not isinstance(shape, list):
            raise fault
        if not all(isinstance(size, int) and size >= 0 for size in shape):
            raise fault
        if math.prod(shape) * np.dtype(found["kind"]).itemsize != content:
            raise fault
    return found
