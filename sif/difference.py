"""Where two JSON values differ, in words for people. Knows nothing of what the values mean."""

import json
from collections.abc import Iterator
from typing import Any, Final

LONGEST: Final = 90
"""Letters of one value that are shown."""

MOST: Final = 3
"""Places that are named."""


def differences(then: Any, now: Any) -> str:
    """The first places that differ with both values, such as `schedule.steps: 20 then, 80 now`.

    Empty where nothing does. Whatever the values hold, the words are one bounded, printable line.
    """
    found = list(_differences(then, now, ""))
    more = [f"{len(found) - MOST} more"] if len(found) > MOST else []
    return "; ".join(found[:MOST] + more)


def _differences(then: Any, now: Any, place: str) -> Iterator[str]:
    if isinstance(then, dict) and isinstance(now, dict):
        for name in [*then, *(name for name in now if name not in then)]:
            where = f"{place}.{name}" if place else str(name)
            yield from _differences(then.get(name), now.get(name), where)
    elif isinstance(then, list) and isinstance(now, list):
        if len(then) != len(now):
            yield f"{place}: {len(then)} entries then, {len(now)} now"
            return
        for index, (one, other) in enumerate(zip(then, now, strict=True)):
            yield from _differences(one, other, f"{place}[{index}]")
    elif then != now:
        one, other = _excerpts(then, now)
        yield f"{place}: {one} then, {other} now"


def _excerpts(then: Any, now: Any) -> tuple[str, str]:
    """Both values, or of long ones the part around the first letter that differs."""
    one, other = (_shown(value) for value in (then, now))
    start = 0
    if max(len(one), len(other)) > LONGEST:
        pairs = enumerate(zip(one, other, strict=False))
        same = next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
        start = max(0, same - LONGEST // 3)
    return _cut(one, start), _cut(other, start)


def _shown(value: Any) -> str:
    return "none" if value is None else json.dumps(value)


def _cut(words: str, start: int) -> str:
    end = start + LONGEST
    return ("…" if start else "") + words[start:end] + ("…" if len(words) > end else "")
