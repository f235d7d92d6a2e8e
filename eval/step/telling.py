"""The study's findings in words. Knows nothing of how they were measured."""

from collections.abc import Sequence
from typing import Final

from sif.eval.step.fitting import MOST
from sif.eval.step.rows import StepRow
from sif.markdown import MISSING, number, percent, table

GIB: Final = 2**30
TERA: Final = 1e12


def summary(row: StepRow, times: Sequence[float]) -> str:
    """A table of one run, and what its figures rest on."""
    whole = row.language_layers == row.language_layers_of
    of = "the whole model" if whole else "the layers that were left"
    lines = [
        ("model", f"{row.model}, {row.width}x{row.height}, {row.dtype}, random weights"),
        ("layers of the language model", f"{row.language_layers} of {row.language_layers_of}"),
        ("layers of the tower", _tower(row)),
        ("device", f"{row.device}, threads: {row.threads}, seconds of the {row.clock}"),
        ("recipe", row.recipe),
        ("triggers at once", f"{row.batch}{', checkpointing' if row.checkpointing else ''}"),
        ("a step", f"{_time(row.seconds)} ({_time(min(times))} to {_time(max(times))})"),
        *_compiled(row),
        ("passes of a step, forward and backward", str(row.passes)),
        ("operations of a step", _tera(row.flops)),
        ("matrix peak here", f"{row.matrix_peak / TERA:.3g} TFLOP/s"),
        ("share of it", percent(row.share_of_peak, digits=1)),
        ("weights", _gib(row.weights)),
        ("peak memory", _gib(row.peak)),
        ("largest batch that fits", _largest(row)),
        (f"fingerprint of {row.triggers} triggers, {of}", _time(row.fingerprint_seconds)),
    ]
    if row.whole_seconds is not None:
        lines += [
            ("a step of the whole model, extrapolated", _time(row.whole_seconds)),
            ("its operations, extrapolated", _tera(row.whole_flops)),
            ("its share of the peak", percent(row.whole_share_of_peak, digits=1)),
            (
                f"fingerprint of {row.triggers} triggers, whole model, extrapolated",
                _time(row.whole_fingerprint_seconds),
            ),
        ]
    return table(("", "measured"), lines) + _notes(row, len(times))


def _notes(row: StepRow, steps: int) -> str:
    notes = [
        f"A step is the median of {steps}, after one that warms up and whose operations are "
        "counted. A fingerprint is the recipe's steps, the answers that are decoded on the way and "
        "at the end, each trigger made once. The largest batch is counted on shapes "
        "(`sif bench memory`), for 0.9 of the memory that was free."
    ]
    if row.whole_seconds is not None:
        notes.append(
            "The whole model was not run: the time of a layer is the difference of two measured "
            "depths, in the language model and in the tower, times the layers that were left out."
        )
    elif row.language_layers < row.language_layers_of:
        notes.append("One layer draws no line to the whole model; give --set layers=2 or more.")
    return "".join(f"{note}\n\n" for note in notes)


def _compiled(row: StepRow) -> list[tuple[str, str]]:
    if row.compiled_seconds is None:
        return []
    ratio = row.compiled_seconds / row.seconds
    return [("the same, blocks compiled", f"{_time(row.compiled_seconds)}, {ratio:.2f} × as long")]


def _tower(row: StepRow) -> str:
    return f"{row.tower_layers} of {row.tower_layers_of}" if row.tower_layers_of else "all"


def _largest(row: StepRow) -> str:
    if row.largest_batch is None or row.largest_batch_bytes is None or row.room is None:
        return MISSING
    more = " or more" if row.largest_batch == MOST else ""
    return (
        f"{row.largest_batch}{more} ({_gib(row.largest_batch_bytes)} of {_gib(row.room)}, counted)"
    )


def _gib(size: int | None) -> str:
    return MISSING if size is None else f"{number(size / GIB)} GiB"


def _tera(operations: float | None) -> str:
    return MISSING if operations is None else f"{operations / TERA:.3g} TFLOP"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return MISSING
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 3600:.2f} h" if seconds >= 7200 else f"{seconds / 60:.1f} min"
