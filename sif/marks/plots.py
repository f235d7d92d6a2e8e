"""Pictures of a profile and of bit errors, as PNG bytes. Know nothing of models."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import binom

from sif.marks.verify import MarkVerdict
from sif.watermark.activemark.profile import Profile


def draw_profile(profile: Profile) -> bytes:
    """The largest activations by block, the expressive one marked."""
    figure, axes = _figure(1)
    (axis,) = axes
    blocks = range(len(profile.magnitudes))
    colours = ["tab:red" if block == profile.block else "tab:blue" for block in blocks]
    axis.bar(list(blocks), profile.magnitudes, color=colours)
    axis.set(xlabel="block", ylabel="mean of the largest |activation|", xticks=list(blocks))
    axis.set_title(f"expressive block: {profile.block}")
    return _png(figure)


def draw_errors(verdicts: Sequence[MarkVerdict]) -> bytes:
    """For every suspect how many images have D wrong bits, beside what fair coins would give."""
    figure, axes = _figure(len(verdicts))
    for axis, verdict in zip(axes, verdicts, strict=True):
        places = np.arange(verdict.bits + 1)
        counts = np.bincount(verdict.errors, minlength=verdict.bits + 1)
        axis.bar(places, counts, color="tab:blue", label="images")
        chance = len(verdict.errors) * binom.pmf(places, verdict.bits, 0.5)
        axis.plot(places, chance, color="tab:gray", label="fair coins")
        axis.axvline(verdict.threshold + 0.5, color="tab:red", linestyle="--", label="τ")
        axis.set(ylabel="images", title=f"{verdict.suspect}: {verdict.decision}")
        axis.legend(loc="upper right", fontsize="small")
    axes[-1].set_xlabel("D, wrong bits of a message")
    return _png(figure)


def _figure(rows: int) -> tuple[Any, Sequence[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 2.4 * rows + 0.6), layout="constrained")
    return figure, list(np.atleast_1d(figure.subplots(rows, 1, sharex=rows > 1)))


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
