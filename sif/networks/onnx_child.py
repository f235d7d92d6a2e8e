"""The program that runs one ONNX file of others, in a process of its own with little memory.

It answers frames until nobody asks any more, and knows nothing of what is asked of the network.

    {"open": PATH, "memory": BYTES, "threads": N}                ->  {"inputs": …, "outputs": …}
    {"run": {NAME: [KIND, SHAPE], …}, "output": NAME} + numbers  ->  {"kind", "shape"} + numbers
                                                           or  {"table": [[[LABEL, NUMBER], …], …]}
    whatever fails                                               ->  {"error": WORDS}
"""

import contextlib
import math
from typing import Any, BinaryIO, Final

from sif.child_frames import Frame, receive, send, standard_streams

ABOVE_LIBRARIES: Final = 3 * 2**30
MOST_WORDS: Final = 100_000


def main(asked: BinaryIO, said: BinaryIO) -> None:
    """Answers until nobody asks any more."""
    session: Any = None
    failures = _failures()
    with contextlib.suppress(EOFError):
        while True:
            frame = receive(asked)
            try:
                if "open" in frame.head:
                    session = _open(frame.head)
                    answer = Frame(
                        {
                            "inputs": [_described(one) for one in session.get_inputs()],
                            "outputs": [_described(one) for one in session.get_outputs()],
                        }
                    )
                else:
                    answer = _run(session, frame)
            except failures as error:
                answer = Frame({"error": (str(error) or type(error).__name__)[:MOST_WORDS]})
            send(said, answer)


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


def _run(session: Any, frame: Frame) -> Frame:
    import numpy as np

    feeds, start = {}, 0
    for name, (kind, shape) in frame.head["run"].items():
        count = math.prod(shape)
        feeds[name] = np.frombuffer(frame.content, kind, count, start).reshape(shape)
        start += count * np.dtype(kind).itemsize
    (found,) = session.run([frame.head["output"]], feeds)
    if isinstance(found, list):
        rows = [list(row.items()) if isinstance(row, dict) else row for row in found]
        return Frame({"table": rows})
    if found.dtype.kind not in "fiub":
        raise ValueError(f"gives {found.dtype} where numbers are expected")
    exact = np.ascontiguousarray(found)
    return Frame({"kind": str(exact.dtype), "shape": list(exact.shape)}, exact.tobytes())


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


if __name__ == "__main__":
    main(*standard_streams())
