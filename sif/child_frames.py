"""Requests and answers between a process and its child: eight bytes of length, JSON, raw bytes.

Nothing that travels could run: no pickles. Imports nothing heavy, for children begin with it.
"""

import json
import os
from typing import Any, BinaryIO, Final, NamedTuple

WIDTH: Final = 8
STANDARD_INPUT, STANDARD_OUTPUT = 0, 1


class Frame(NamedTuple):
    """A line of JSON, which is an object, and the bytes behind it."""

    head: dict[str, Any]
    content: bytes = b""


def standard_streams() -> tuple[BinaryIO, BinaryIO]:
    """A child's own input and output, which are its parent's ends of two pipes."""
    return os.fdopen(STANDARD_INPUT, "rb"), os.fdopen(STANDARD_OUTPUT, "wb")


def send(stream: BinaryIO, frame: Frame) -> None:
    """Writes a frame; numbers that JSON has no words for are written as floats."""
    head = json.dumps(frame.head, default=float).encode() + b"\n"
    stream.write((len(head) + len(frame.content)).to_bytes(WIDTH, "big"))
    stream.write(head)
    stream.write(frame.content)
    stream.flush()


def receive(stream: BinaryIO, *, largest: int | None = None) -> Frame:
    """Reads a frame.

    Args:
        stream: to read from.
        largest: bytes of it that are read at most; None where the other side is trusted.

    Raises:
        EOFError: nobody writes any more, or too much.
        ValueError: no frame.
    """
    width = stream.read(WIDTH)
    length = int.from_bytes(width, "big")
    if len(width) < WIDTH or (largest is not None and length > largest):
        raise EOFError
    whole = stream.read(length)
    if len(whole) < length:
        raise EOFError
    head, _, content = whole.partition(b"\n")
    found = json.loads(head)
    if not isinstance(found, dict):
        raise ValueError("no object")
    return Frame(found, content)
