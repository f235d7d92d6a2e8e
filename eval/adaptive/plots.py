"""Pictures of the benchmark: ROC curves, and evidence against what an attack costs.

Knows nothing of models.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from sif.attacks.adaptive.roc import roc_of
from sif.eval.adaptive.rows import Score
from sif.eval.adaptive.tables import Summary
from sif.eval.adaptive.traffic import CLEAN, PHOTOGRAPHS
from sif.plotting import as_svg, new_figure, plain

FALSE_FLOOR: Final = 1e-3
PANELS: Final = (
    ("off-content", CLEAN),
    ("off-content", "noise:8"),
    ("residual", "noise:8"),
    ("classifier", "noise:8"),
    ("classifier", PHOTOGRAPHS),
    ("off-content of photographs", PHOTOGRAPHS),
)


def plots(scores: Sequence[Score], lines: Sequence[Summary]) -> dict[str, bytes]:
    """A sheet of curves for each family, and one sheet of evidence."""
    files: dict[str, bytes] = {}
    for family in dict.fromkeys(row.family for row in scores):
        some = [row for row in scores if row.family == family]
        files[f"adaptive-roc-{family}.svg"] = as_svg(_curves(some))
    return files | ({"adaptive-evidence.svg": as_svg(_evidence(lines))} if lines else {})


def _curves(scores: Sequence[Score]) -> Any:
    figure = new_figure(12, 7)
    for place, (detector, benign) in enumerate(PANELS, start=1):
        some = [row for row in scores if row.detector == detector]
        quiet = np.array([row.score for row in some if row.kind == benign])
        if not len(quiet):
            continue
        axis = figure.add_subplot(2, 3, place)
        for method in dict.fromkeys(row.kind for row in some if row.trigger):
            loud = np.array([row.score for row in some if row.kind == method])
            curve = roc_of(quiet, loud)
            axis.step(
                np.maximum(curve.false_positives, FALSE_FLOOR),
                curve.true_positives,
                where="post",
                label=f"{method} ({curve.auc.value:.3f})",
            )
        axis.set(title=f"{detector}, benign: {benign}", xscale="log", ylim=(0, 1.02))
        axis.legend(fontsize="x-small", title="AUC", title_fontsize="x-small")
        plain(axis)
    figure.supxlabel("benign pictures flagged")
    figure.supylabel("triggers found")
    return figure


def _evidence(lines: Sequence[Summary]) -> Any:
    families = list(dict.fromkeys(line.family for line in lines))
    figure = new_figure(6 * len(families), 5)
    axes = figure.subplots(1, len(families), squeeze=False)[0]
    for axis, family in zip(axes, families, strict=True):
        own = [one for one in lines if one.family == family and one.benign is not None]
        for section in dict.fromkeys(one.section for one in own):
            some = [one for one in own if one.section == section]
            left = [one.seen if one.reserve is None else one.reserve for one in some]
            axis.scatter([one.benign for one in some], left, label=section, alpha=0.8)
        axis.axhline(0, color="grey", linewidth=0.5)
        axis.set(title=family, xlabel="facts right, unseen scenes")
        axis.set_ylabel("log10 e-value for each trigger kept in reserve")
        axis.legend(fontsize="small")
        plain(axis)
    return figure
