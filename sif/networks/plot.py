"""Figure of a robustness-uniqueness curve. Knows nothing of networks."""

import io
from collections.abc import Sequence

from sif.networks.curve import aruc, auc, curve


def draw_curve(
    positives: Sequence[float], negatives: Sequence[float], *, threshold: float | None
) -> bytes:
    """SVG of robustness and uniqueness over the threshold, with the one that was chosen."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    points = curve(positives, negatives, points=201)
    figure = Figure(figsize=(5.2, 3.4), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    places = [point.threshold for point in points]
    robust = [point.robustness for point in points]
    unique = [point.uniqueness for point in points]
    axes.step(places, robust, where="post", label="robustness: copies above")
    axes.step(places, unique, where="post", label="uniqueness: others at or below")
    axes.fill_between(
        places, [min(pair) for pair in zip(robust, unique, strict=True)], step="post", alpha=0.15
    )
    if threshold is not None:
        axes.axvline(threshold, color="0.3", linestyle="--", label="chosen threshold")
    axes.set(
        xlabel="threshold",
        ylabel="share of networks",
        ylim=(-0.03, 1.03),
        title=f"ARUC {aruc(positives, negatives):.3f}, AUC {auc(positives, negatives):.3f}",
    )
    axes.legend(fontsize="small")
    target = io.BytesIO()
    figure.savefig(target, format="svg", metadata={"Date": None})
    return target.getvalue()
