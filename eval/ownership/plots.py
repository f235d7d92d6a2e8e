"""Pictures of the simulated audits: calibration, power, what selection does."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sif.eval.ownership.results import Accusation, Calibration, Power, Results
from sif.eval.triggers.plots import COLOURS
from sif.files import write_atomically

LEVEL = 0.01


def write_plots(folder: Path, results: Results) -> list[Path]:
    """Writes null.svg, power.svg and selection.svg.

    Raises:
        StorageError: the disk refuses.
    """
    pictures = {
        "null.svg": _null(results.calibration),
        "power.svg": _power(results.power),
        "selection.svg": _accusations([*results.selection, *results.released]),
    }
    for name, data in pictures.items():
        write_atomically(folder / name, data)
    return [folder / name for name in pictures]


def _null(rows: Sequence[Calibration]) -> bytes:
    """The share of audits with sup E ≥ 1/α against α, under the line that it must not cross."""
    figure = _figure(6.0, 4.8)
    axes: Any = figure.subplots()
    for number, row in enumerate(rows):
        alphas, shares = zip(*row.curve, strict=True)
        seen = [share or float("nan") for share in shares]
        axes.plot(
            alphas,
            seen,
            color=COLOURS[number % len(COLOURS)],
            linestyle="-" if row.keys == "drawn" else ":",
            label=f"{row.texts}, {row.keys} keys",
        )
    ends = [alpha for row in rows for alpha, _ in row.curve]
    axes.plot([min(ends), max(ends)], [min(ends), max(ends)], color="#333333", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("α")
    axes.set_ylabel("share of innocents with sup E ≥ 1/α")
    return _finished(figure, axes)


def _power(rows: Sequence[Power]) -> bytes:
    """Median triggers to α against the green rate, of the e-value and of z."""
    figure = _figure(6.0, 4.8)
    axes: Any = figure.subplots()
    for number, scored in enumerate(dict.fromkeys(row.scored for row in rows)):
        mine = [row for row in rows if row.scored == scored]
        rates, colour = [row.rate for row in mine], COLOURS[number % len(COLOURS)]
        medians, ninety = [row.median for row in mine], [row.ninety for row in mine]
        axes.plot(rates, medians, color=colour, marker="o", label=f"E, {scored} distinct ids")
        axes.fill_between(rates, medians, ninety, color=colour, alpha=0.15, linewidth=0)
        fixed = [row.z_median for row in mine]
        axes.plot(rates, fixed, color=colour, linestyle=":", label=f"z fixed beforehand, {scored}")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("green share of the copy's words")
    axes.set_ylabel("triggers to 10⁻⁶, median (band: to the 90% quantile)")
    return _finished(figure, axes)


def _accusations(rows: Sequence[Accusation]) -> bytes:
    """How often innocents are accused at α = 0.01."""
    bars = [
        (f"{row.rule}\n{row.setting}", rate)
        for row in rows
        for rate in row.rates
        if rate.alpha == LEVEL
    ]
    figure = _figure(9.0, 1.0 + 0.36 * len(bars))
    axes: Any = figure.subplots()
    places = range(len(bars))
    shares = [rate.share for _, rate in bars]
    reach = [
        [rate.share - rate.low for _, rate in bars],
        [rate.high - rate.share for _, rate in bars],
    ]
    ours = [COLOURS[2] if name.startswith("ours") else COLOURS[1] for name, _ in bars]
    axes.barh(places, shares, xerr=reach, color=ours, height=0.7, ecolor="#555555")
    axes.axvline(LEVEL, color="#333333", linewidth=0.8)
    axes.set_yticks(places, [name for name, _ in bars], fontsize=7)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(LEVEL / 20, 1.0)
    axes.set_xlabel(f"innocents accused at α = {LEVEL:g} (line)")
    return _finished(figure, axes, legend=False)


def _finished(figure: Any, axes: Any, *, legend: bool = True) -> bytes:
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if legend:
        axes.legend(frameon=False, fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")
