"""The program that runs one ONNX file of others, in a process of its own with little memory.

It reads requests on its standard input and answers on its standard output: eight bytes of length,
a line of JSON, the raw numbers behind it. It is run by path, imports nothing of the package, and
knows nothing of what is asked of the network.

    {"open": PATH, "memory": BYTES, "threads": N}          ->  {"inputs": …, "outputs": …}
    {"run": {NAME: [KIND, SHAPE], …}, "output": NAME} + numbers  ->  {"kind", "shape"} + numbers
                                                           or  {"table": [[[LABEL, NUMBER], …], …]}
    whatever fails                                         ->  {"error": WORDS}
"""

import contextlib
import json
import math
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

WIDTH = 8
ABOVE_LIBRARIES = 3 * 2**30
MOST_WORDS = 100_000


def main(asked: BinaryIO, said: BinaryIO) -> None:
    """Answers until nobody asks any more."""
    session: Any = None
    while True:
        head, numbers = _receive(asked)
        if head is None:
            return
        content = b""
        failures = _failures()
        try:
            if "open" in head:
                session = _open(head)
                answer: dict[str, Any] = {
                    "inputs": [_described(one) for one in session.get_inputs()],
                    "outputs": [_described(one) for one in session.get_outputs()],
                }
            else:
                answer, content = _run(session, head, numbers)
        except failures as error:
            answer = {"error": (str(error) or type(error).__name__)[:MOST_WORDS]}
        _send(said, answer, content)


def _open(head: dict[str, Any]) -> Any:
    import onnxruntime

    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        most = head["memory"] + ABOVE_LIBRARIES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = head["threads"]
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(head["open"], options, providers=["CPUExecutionProvider"])


def _run(session: Any, head: dict[str, Any], numbers: bytes) -> tuple[dict[str, Any], bytes]:
    import numpy as np

    feeds, start = {}, 0
    for name, (kind, shape) in head["run"].items():
        count = math.prod(shape)
        feeds[name] = np.frombuffer(numbers, kind, count, start).reshape(shape)
        start += count * np.dtype(kind).itemsize
    (found,) = session.run([head["output"]], feeds)
    if isinstance(found, list):
        rows = [list(row.items()) if isinstance(row, dict) else row for row in found]
        return {"table": rows}, b""
    if found.dtype.kind not in "fiub":
        raise ValueError(f"gives {found.dtype} where numbers are expected")
    exact = np.ascontiguousarray(found)
    return {"kind": str(exact.dtype), "shape": list(exact.shape)}, exact.tobytes()


def _described(one: Any) -> list[Any]:
    return [one.name, one.type, [size if isinstance(size, int) else None for size in one.shape]]


def _failures() -> tuple[type[BaseException], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = [kind for kind in vars(state).values() if isinstance(kind, type)]
    return (
        *(kind for kind in own if issubclass(kind, BaseException)),
        *(ArithmeticError, AttributeError, LookupError, MemoryError, OSError, RuntimeError),
        *(TypeError, ValueError),
    )


def _receive(asked: BinaryIO) -> tuple[dict[str, Any] | None, bytes]:
    width = asked.read(WIDTH)
    if len(width) < WIDTH:
        return None, b""
    head, _, numbers = asked.read(int.from_bytes(width, "big")).partition(b"\n")
    return json.loads(head), numbers


def _send(said: BinaryIO, answer: dict[str, Any], content: bytes) -> None:
    head = json.dumps(answer, default=_plain).encode() + b"\n"
    for part in _parts(head, content):
        said.write(part)
    said.flush()


def _parts(head: bytes, content: bytes) -> Iterator[bytes]:
    yield (len(head) + len(content)).to_bytes(WIDTH, "big")
    yield head
    yield content


def _plain(number: Any) -> float:
    """Numbers of numpy, which JSON has no words for."""
    return float(number)


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
