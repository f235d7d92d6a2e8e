"""Files as chance or malice would leave them: bytes flipped, cut, put in; values of other kinds.

All follows from the generator that is given, so that a number finds a mutation again.
"""

import json
import random
import re
from collections.abc import Callable
from typing import Any, Final

HUGE: Final = (2**31, 2**63, 2**64, 10**30, -(2**63) - 1, 10**400)
TEXTS: Final = (
    "",
    "\x00",
    "\ud800",
    "\x1b[2J\u202e",
    "a" * 100_000,
    "../../etc/passwd",
    "/dev/zero",
    "{{7*7}}",
    "nan",
    "-1",
    "é" * 300,
)
NUMBERS: Final = (0, -1, 1, 0.5, 1e308, -1e308, 5e-324, 1e-320, *HUGE)
TOKENS: Final = (
    b"null",
    b"NaN",
    b"Infinity",
    b"1e999",
    b"[[[[[[",
    b"}",
    b'"',
    b"\xff\xfe",
    b"\x00",
    b"\r\n",
    b"\xed\xa0\x80",
    b"- &a [*a]",
    b"!!python/object/apply:os.system [x]",
    b"<<: *a",
    b"-" * 5000,
    b"[" * 5000,
    b"9" * 5000,
)


def mutated(data: bytes, draw: random.Random, kind: str) -> bytes:
    """A file with one to three faults in it; of a `kind`: json, jsonl, text or bytes."""
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        data = _mutated(data, draw, kind)
    return data


def _mutated(data: bytes, draw: random.Random, kind: str) -> bytes:
    if kind == "json" and draw.random() < 0.75:
        return _in_json(data, draw)
    if kind == "jsonl" and draw.random() < 0.75:
        lines = data.split(b"\n")
        at = draw.randrange(len(lines))
        lines[at] = _in_json(lines[at], draw)
        return b"\n".join(lines)
    if kind == "text" and draw.random() < 0.6:
        return _in_words(data, draw)
    return draw.choice(BYTES)(data, draw)


def _in_json(data: bytes, draw: random.Random) -> bytes:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return draw.choice(BYTES)(data, draw)
    marks = [path for path in _paths(value) if path]
    if not marks:
        return json.dumps(_strange(value, draw)).encode("utf-8", "surrogatepass")
    # Shallow places first: a list of a thousand words would else take all mutations.
    depth = draw.choice(sorted({len(path) for path in marks}))
    path = draw.choice([one for one in marks if len(one) == depth])
    holder = value
    for step in path[:-1]:
        holder = holder[step]
    return _changed(value, holder, path[-1], draw)


def _changed(value: Any, holder: Any, at: Any, draw: random.Random) -> bytes:
    act = draw.randrange(8)
    if act == 0:
        del holder[at]
    elif act == 1 and isinstance(holder, dict):
        holder[f"{at}{draw.choice(('', '_', ' ', chr(0)))}x"] = holder[at]
    elif act == 2 and isinstance(holder, list):
        holder.extend(holder[at] for _ in range(draw.choice((1, 3, 2000))))
    elif act == 3 and isinstance(holder, dict):
        return _doubled(value, holder, at, draw)
    else:
        holder[at] = _strange(holder[at], draw)
    text = json.dumps(value, ensure_ascii=draw.random() < 0.5)
    text = text.replace(f'"{DEEP}"', "[" * 3000 + "]" * 3000)
    return text.encode("utf-8", "surrogatepass")


DEEP: Final = "<deep>"


def _doubled(value: Any, holder: dict[str, Any], at: str, draw: random.Random) -> bytes:
    """A name twice in one object."""
    mark = "<doubled>"
    other = json.dumps(_strange(holder[at], draw))
    holder[mark] = 0
    return json.dumps(value).replace(f'"{mark}": 0', f"{json.dumps(at)}: {other}").encode()


def _strange(value: Any, draw: random.Random) -> Any:
    near: list[Any] = [None, True, [], {}, [value], {"x": value}, DEEP]
    near += [draw.choice(NUMBERS), draw.choice(NUMBERS), draw.choice(TEXTS), draw.choice(TEXTS)]
    if isinstance(value, bool):
        near += [not value, "true"]
    elif isinstance(value, int | float):
        near += [-value, value * 10**9, value + 1, str(value)]
    elif isinstance(value, str):
        near += [value[:-1], value + value[:1], value.upper(), value[::-1], value + "\u0301"]
    elif isinstance(value, list):
        near += [value[:1], value[::-1], value * 2]
    return draw.choice(near)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for name, one in value.items():
            found += _paths(one, (*path, name))
    elif isinstance(value, list):
        for at, one in enumerate(value[:50]):
            found += _paths(one, (*path, at))
    return found


def _in_words(data: bytes, draw: random.Random) -> bytes:
    """Another word for one of a text such as YAML or PEM."""
    words = list(re.finditer(rb"[^\s:,\[\]{}]+", data))
    if not words:
        return draw.choice(TOKENS)
    found = draw.choice(words)
    choices = [str(draw.choice(NUMBERS)).encode(), draw.choice(TEXTS).encode("utf-8", "replace")]
    new = draw.choice([*choices, draw.choice(TOKENS), draw.choice(words)[0]])
    return data[: found.start()] + new + data[found.end() :]


def _flip(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 8, 64))):
        if changed:
            changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data) + 1)]


def _drop(data: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(data) + 1)
    return data[:start] + data[start + draw.choice((1, 2, 7, 100)) :]


def _repeat(data: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(data) + 1)
    end = min(len(data), start + draw.choice((1, 8, 300)))
    return data[:end] + data[start:end] * draw.choice((1, 2, 50)) + data[end:]


def _put_in(data: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(data) + 1)
    return data[:start] + draw.choice(TOKENS) + data[start:]


def _header(data: bytes, draw: random.Random) -> bytes:
    """A number near the beginning, of a length or an extent, made large."""
    start = draw.randrange(max(1, min(len(data), 200)))
    number = draw.choice((0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
    width = draw.choice((1, 2, 4, 8))
    order = draw.choice(("big", "little"))
    word = (number & (256**width - 1)).to_bytes(width, order)  # type: ignore[arg-type]
    return data[:start] + word + data[start + width :]


def _empty(data: bytes, draw: random.Random) -> bytes:
    return draw.choice((b"", b"\n", b"{}", b"[]", b"null", b"0", b"\x00" * 64, data * 2))


BYTES: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (
    _flip,
    _flip,
    _cut,
    _drop,
    _repeat,
    _put_in,
    _header,
    _header,
    _empty,
)
