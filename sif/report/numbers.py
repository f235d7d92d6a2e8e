"""How numbers are written on the page: never in favour of the claim by rounding."""

from decimal import ROUND_CEILING, Context
from math import floor, isinf
from typing import Final

from markupsafe import Markup

MISSING: Final = "–"


def scientific(value: float | None) -> str | Markup:
    """A probability or its inverse with two digits, rounded up: plain, or with a power of ten."""
    if value is None:
        return MISSING
    rounded = Context(prec=2, rounding=ROUND_CEILING).create_decimal(value)
    power = rounded.adjusted() if rounded else 0
    if -3 <= power < 4:
        return f"{float(rounded):g}"
    mantissa = float(rounded.scaleb(-power))
    factor = "" if mantissa == 1.0 else f"{mantissa} × "
    return Markup("{}10<sup>{}</sup>").format(factor, _minus(f"{power}"))


def signed(value: float) -> str:
    """One decimal, rounded down, with its sign; zero has none."""
    rounded = floor(10 * value + 1e-6) / 10
    return _minus(f"{rounded:+,.1f}") if rounded else "0.0"


def percent(rate: float | None) -> str:
    """A share in whole per cent."""
    return MISSING if rate is None else f"{100 * rate:.0f}%"


def grouped(value: int) -> str:
    """A number of things, its thousands apart."""
    return f"{value:,}"


def integer(value: int) -> str:
    """A tick's label."""
    return _minus(f"{value:,}")


def decibel(value: float) -> str:
    """A ratio in dB."""
    return "∞ (unchanged)" if isinf(value) else f"{value:.1f} dB"


def plain(value: float) -> str:
    """A short number without needless zeros."""
    return f"{value:.3g}"


def _minus(text: str) -> str:
    return text.replace("-", "−")
