"""The picture of a family: evidence against utility, a curve for each attack, panels of kinds.

A curve begins at the unattacked source and goes through the attack's strengths, weak to strong; its
name stands at the strong end. Curves of one panel are drawn a little beside each other, as many
cost the thief nothing and would be one line. Knows nothing of rows or models.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from sif.eval.attacks.lines import AttackLine
from sif.plotting import COLOURS, as_png, as_svg, new_figure, plain

COLUMNS: Final = 3
PANEL_INCHES: Final = 4.6, 3.5
BESIDE: Final = 0.8
"""Of utility in percent, between two curves."""
LABEL_GAP: Final = 0.062
"""Of a panel's height, between two names."""
MORE_COLOURS: Final = (*COLOURS, "#c99700", "#2f7fbf", "#7a4a2b", "#d0679d")


class Point(NamedTuple):
    """Utility and evidence of one strength."""

    x: float
    y: float


class Curve(NamedTuple):
    """One attack, from the plain source to the strongest."""

    name: str
    points: list[Point]


def plots(lines: Sequence[AttackLine]) -> dict[str, bytes]:
    """attacks-FAMILY.svg and .png for each family."""
    files: dict[str, bytes] = {}
    for family in dict.fromkeys(line.family for line in lines):
        some = [line for line in lines if (line.family, line.suspect) == (family, "source")]
        figure = _figure(family, some)
        files[f"attacks-{family}.svg"] = as_svg(figure)
        files[f"attacks-{family}.png"] = as_png(figure)
    return files


def curves(lines: Sequence[AttackLine]) -> dict[str, list[Curve]]:
    """The curves of each panel, from the lines of one family's source.

    Args:
        lines: with that of no attack.
    """
    start = [_point(line) for line in lines if line.kind == "none" and line.utility is not None]
    panels: dict[str, dict[str, Curve]] = {}
    for line in lines:
        if line.kind != "none" and line.utility is not None:
            known = panels.setdefault(line.panel, {})
            known.setdefault(line.attack, Curve(line.attack, list(start))).points.append(
                _point(line)
            )
    return {panel: list(known.values()) for panel, known in panels.items()}


def _point(line: AttackLine) -> Point:
    assert line.utility is not None
    return Point(100 * line.utility, line.evidence)


def _figure(family: str, lines: Sequence[AttackLine]) -> Any:
    found = curves(lines)
    columns = max(1, min(COLUMNS, len(found)))
    rows = max(1, -(-len(found) // columns))
    figure = new_figure(PANEL_INCHES[0] * columns, PANEL_INCHES[1] * rows + 0.4)
    figure.suptitle(
        f"{family}: what is left of the evidence, and what the thief pays", x=0.02, ha="left"
    )
    axes: Any = figure.subplots(rows, columns, squeeze=False)
    top = max(
        (point.y for some in found.values() for one in some for point in one.points), default=1
    )
    for index, (panel, (title, some)) in enumerate(zip(axes.flat, found.items(), strict=False)):
        _draw(panel, title, some, top=max(top, 1.0))
        if index + columns >= len(found):
            panel.set_xlabel("facts right in what the copy is for (%)")
    for panel in axes.flat[len(found) :]:
        panel.set_axis_off()
    for panel in axes[:, 0]:
        panel.set_ylabel("log10 e-value per trigger")
    return figure


def _draw(panel: Any, title: str, some: Sequence[Curve], *, top: float) -> None:
    for number, curve in enumerate(some):
        xs, ys = zip(*beside(curve.points, number, len(some)), strict=True)
        panel.plot(xs, ys, color=_colour(number), linewidth=1.2, marker="o", markersize=3)
    panel.set_xlim(-5, 106)
    panel.set_ylim(-0.08 * top, 1.08 * top)
    panel.set_title(title, loc="left", fontsize=10)
    panel.axhline(0, color="#333333", linewidth=0.8)
    plain(panel)
    panel.tick_params(labelsize=8)
    _name_ends(panel, some)


def _name_ends(panel: Any, some: Sequence[Curve]) -> None:
    """Names to the right, each with a thin line to where its curve ends."""
    low, high = panel.get_ylim()
    for number, place in places([(curve.points[-1].y - low) / (high - low) for curve in some]):
        curve, colour = some[number], _colour(number)
        panel.annotate(
            curve.name,
            xy=beside(curve.points, number, len(some))[-1],
            xytext=(1.03, place),
            textcoords="axes fraction",
            fontsize=7,
            color=colour,
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.4, "alpha": 0.5},
        )


def beside(points: Sequence[Point], number: int, curves: int) -> list[Point]:
    """Where the points of one of some curves are drawn; the first stays, which is all curves'."""
    shift = BESIDE * (number - (curves - 1) / 2)
    return [*points[:1], *(Point(point.x + shift, point.y) for point in points[1:])]


def _colour(number: int) -> str:
    return MORE_COLOURS[number % len(MORE_COLOURS)]


def places(heights: Sequence[float]) -> Iterator[tuple[int, float]]:
    """Where names stand beside a panel, in the order of their curves' ends and never on each other.

    Args:
        heights: of the ends, as shares of the panel's height.
    """
    order = sorted(range(len(heights)), key=lambda number: heights[number])
    places: list[float] = []
    for number in order:
        lowest = places[-1] + LABEL_GAP if places else 0.0
        places.append(max(lowest, heights[number]))
    highest = 0.97
    for index in reversed(range(len(places))):
        places[index] = min(places[index], highest)
        highest = places[index] - LABEL_GAP
    yield from zip(order, places, strict=True)
