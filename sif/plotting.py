"""Plots as bytes: one way to begin a figure, and one to end it. Knows nothing of what is drawn.

The same figure gives the same bytes every time, so that a file changes only where a number did.
"""

import io
from typing import Any, Final

COLOURS: Final = ("#0b5c8f", "#c4661f", "#0b7a55", "#8a3ba8", "#6b6f00", "#b02a4a", "#4a4f57")
DOTS_PER_INCH: Final = 110


def new_figure(width: float, height: float) -> Any:
    """An empty matplotlib figure of so many inches, which makes room for what stands outside."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def plain(axes: Any) -> None:
    """Takes away the frame's upper and right side and lays a light grid behind what is drawn."""
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def as_svg(figure: Any) -> bytes:
    """The figure as SVG, without a date and with ids that do not change from run to run."""
    import matplotlib as mpl

    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "sif"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def as_png(figure: Any) -> bytes:
    """The figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    return buffer.getvalue()
