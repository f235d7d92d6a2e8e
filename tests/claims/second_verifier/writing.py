"""Canonical JSON of both versions."""

import json
from collections.abc import Iterator
from decimal import Decimal

from .checking import UnknownFormError


def as_python(value: object) -> bytes:
    """Version 1."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def jcs(value: object) -> bytes:
    """Version 2, RFC 8785."""
    return "".join(written(value)).encode()


def written(value: object) -> Iterator[str]:
    match value:
        case None | bool() | str():
            yield json.dumps(value, ensure_ascii=False)
        case int() | float():
            yield ecmascript(value)
        case list():
            yield "["
            for place, one in enumerate(value):
                yield "," if place else ""
                yield from written(one)
            yield "]"
        case dict():
            yield "{"
            for place, name in enumerate(sorted(value, key=lambda text: text.encode("utf-16-be"))):
                yield "," if place else ""
                yield json.dumps(name, ensure_ascii=False) + ":"
                yield from written(value[name])
            yield "}"
        case _:
            raise UnknownFormError(type(value))


def ecmascript(number: float) -> str:
    """ECMA-262, Number::toString: the shortest digits that read back, laid out as there."""
    if number == 0:
        return "0"
    sign, tuple_of, exponent = Decimal(repr(number)).normalize().as_tuple()
    digits = "".join(map(str, tuple_of))
    k, n = len(digits), len(digits) + int(exponent)
    if k <= n <= 21:
        text = digits + "0" * (n - k)
    elif 0 < n <= 21:
        text = f"{digits[:n]}.{digits[n:]}"
    elif -6 < n <= 0:
        text = "0." + "0" * -n + digits
    else:
        point = "." if k > 1 else ""
        text = f"{digits[0]}{point}{digits[1:]}e{'+' if n > 0 else '-'}{abs(n - 1)}"
    return "-" * sign + text
