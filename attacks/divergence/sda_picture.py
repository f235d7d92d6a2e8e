"""The picture of a trial: for each signal, where benign answers and those to triggers lie.

Knows nothing of models.
"""

from collections.abc import Sequence
from typing import Any, Final

from sif.attacks.divergence.sda_json import Divergence, SignalFigures
from sif.plotting import as_svg, new_figure

BENIGN, TRIGGERS, LIMIT = "#4477aa", "#ee6677", "#333333"
LOGARITHMIC: Final = ("perplexity",)
TITLES: Final = {
    "perplexity": "perplexity of the prompt",
    "jaccard": "Jaccard overlap of words",
    "cosine": "cosine of embeddings",
    "length": "words in the answer",
    "judge": "judge (1: flags it)",
}
BINS: Final = 24


def as_picture(found: Divergence) -> bytes:
    """An SVG: one panel for each signal, shares of both kinds of questions, the limits."""
    columns = min(2, len(found.signals))
    rows = -(-len(found.signals) // columns)
    figure = new_figure(4.6 * columns, 2.7 * rows + 0.3)
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for panel, signal in zip(panels, found.signals, strict=False):
        _draw(panel, signal)
    for panel in list(panels)[len(found.signals) :]:
        panel.set_visible(False)
    return as_svg(figure)


def _draw(panel: Any, signal: SignalFigures) -> None:
    from matplotlib.ticker import NullFormatter

    benign, triggers = _known(signal.benign), _known(signal.fingerprint)
    edges = _edges([*benign, *triggers], logarithmic=signal.name in LOGARITHMIC)
    for values, colour, label in (
        (benign, BENIGN, f"benign ({len(benign)})"),
        (triggers, TRIGGERS, f"triggers ({len(triggers)})"),
    ):
        if values:
            share = [1.0 / len(values)] * len(values)
            panel.hist(values, edges, weights=share, color=colour, alpha=0.55, label=label)
    limit = signal.limit
    panel.axvline(
        limit.limit, color=LIMIT, linewidth=0.9, label=f"flagged {limit.side} {limit.limit:.3g}"
    )
    if signal.name in LOGARITHMIC:
        panel.set_xscale("log")
        panel.xaxis.set_minor_formatter(NullFormatter())
    panel.set_xlabel(TITLES.get(signal.name, signal.name))
    panel.set_ylabel("share")
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False, fontsize=7)


def _edges(values: Sequence[float], *, logarithmic: bool) -> list[float]:
    import numpy as np

    low, high = min(values, default=0.0), max(values, default=1.0)
    if logarithmic and low > 0.0:
        return [float(edge) for edge in np.geomspace(low * 0.98, high * 1.02, BINS + 1)]
    margin = 0.02 * (high - low) or 0.5
    return [float(edge) for edge in np.linspace(low - margin, high + margin, BINS + 1)]


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]
