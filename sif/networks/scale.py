"""On which scale a suspect gives its outputs, and how they come onto the fingerprint's.

An export may end in a softmax, a logarithm or a factor of a hundred which the protected network
does not have. What is seen of all outputs together says so, or the owner does. Knows nothing of
verifiers, which read logits through their softmax alone, so that a constant makes no difference.
"""

from typing import Final, Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sif.errors import UsageError
from sif.networks.network import Outputs
from sif.networks.reading import OutputKind
from sif.vlm.plain_words import shown

Scale = Literal["logits", "probabilities", "log-probabilities", "percentages", "sigmoids", "values"]
SCALES: Final[tuple[Scale, ...]] = (
    *("logits", "probabilities", "log-probabilities", "percentages", "sigmoids", "values"),
)
# Probabilities that were rounded to two digits sum to one no better than this.
ROUNDED: Final = 0.05
HAIR: Final = 1e-4
# Logarithms of less are no other probabilities to anybody, and 0 has none.
LEAST: Final = 1e-30
LEAST_SIGMOID: Final = 1e-7
FEWEST_ROWS: Final = 2


class Scaled(NamedTuple):
    """Outputs on the fingerprint's scale.

    Attributes:
        outputs: converted; as they came where nothing had to be done.
        scale: on which they came.
        notes: what was found and done, in words; empty where they came as expected.
        fault: why they cannot be compared, in words; None where they can.
    """

    outputs: Outputs
    scale: Scale
    notes: tuple[str, ...] = ()
    fault: str | None = None


def scaled(outputs: Outputs, kind: OutputKind, told: Scale | None = None) -> Scaled:
    """A suspect's outputs on the scale that a fingerprint reads.

    Args:
        outputs: of one suspect, to all inputs; rows that are not finite stay so.
        kind: what the fingerprint reads.
        told: the scale, by whoever knows; None to see for oneself.

    Raises:
        UsageError: a scale that cannot become the fingerprint's.
    """
    if kind == "values":
        if told not in (None, "values"):
            raise UsageError(
                f"outputs={told}: this fingerprint reads values as they are; leave the option out"
            )
        return Scaled(outputs, "values")
    if told == "values":
        raise UsageError(
            f"outputs=values: this fingerprint reads {kind}; expected one of "
            f"{', '.join(SCALES[:-1])}"
        )
    flat = outputs.flatten(1)
    scale = told or seen_scale(flat, kind)
    fault = None if told else _fault(outputs, scale, kind)
    if fault is not None:
        return Scaled(outputs, scale, fault=fault)
    converted = _to_logits(flat, scale) if kind == "logits" else _to_probabilities(flat, scale)
    notes = _notes(scale, kind, told=told is not None)
    if told is None and scale == "logits" == kind and _within(flat, 0.0, 1.0):
        notes = (
            "all its outputs lie between 0 and 1 and were read as logits; if they are "
            "sigmoids of logits, say ?outputs=sigmoids",
        )
    return Scaled(converted.view(outputs.shape), scale, notes)


def read_scale(word: str | None) -> Scale | None:
    """The scale that an address names.

    Raises:
        UsageError: it is none.
    """
    for scale in SCALES:
        if word == scale:
            return scale
    if word is None:
        return None
    raise UsageError(f"expected outputs={'|'.join(SCALES)}, got {shown(word)}")


def seen_scale(flat: Float[Tensor, "batch numbers"], kind: OutputKind) -> Scale:
    """What outputs look like when all are seen at once; what was expected where nothing shows.

    One row may sum to one by chance: every row must, and there must be two.

    Args:
        flat: outputs, a row for each input.
        kind: what is expected.
    """
    rows = flat[torch.isfinite(flat).all(1)].double()
    if len(rows) < FEWEST_ROWS or rows.shape[1] < 2:
        # log 0 is no finite number, and a row of logarithms may hold some.
        return "log-probabilities" if _are_logarithms(flat) else kind
    sums = rows.sum(1)
    if rows.min() >= -HAIR:
        if bool(((sums - 1).abs() <= ROUNDED).all()):
            return "probabilities"
        if bool(((sums - 100).abs() <= 100 * ROUNDED).all()):
            return "percentages"
    if _are_logarithms(flat):
        return "log-probabilities"
    if kind == "probabilities" and _within(flat, 0.0, 1.0):
        return "probabilities"
    return "logits"


def _are_logarithms(flat: Tensor) -> bool:
    """None above 0, and their exponentials sum to one in every row; -inf is the logarithm of 0."""
    rows = flat[~(torch.isnan(flat) | torch.isposinf(flat)).any(1)].double()
    if len(rows) < FEWEST_ROWS or rows.shape[1] < 2 or rows.max() > HAIR:
        return False
    return bool(((rows.exp().sum(1) - 1).abs() <= ROUNDED).all())


def _within(flat: Tensor, low: float, high: float) -> bool:
    rows = flat[torch.isfinite(flat).all(1)]
    return bool(len(rows)) and bool(((rows >= low - HAIR) & (rows <= high + HAIR)).all())


def _fault(outputs: Outputs, scale: Scale, kind: OutputKind) -> str | None:
    """Probabilities of each place of an output, which are not those of the whole."""
    if (
        scale != kind
        or kind != "logits"
        or outputs.dim() < 3
        or not _within(outputs.flatten(1), 0.0, 1.0)
    ):
        return None
    finite: Bool[Tensor, " batch"] = torch.isfinite(outputs.flatten(1)).all(1)
    for axis in range(1, outputs.dim()):
        sums = outputs[finite].double().sum(axis)
        if outputs.shape[axis] > 1 and bool(((sums - 1).abs() <= ROUNDED).all()):
            return (
                f"its outputs are probabilities along axis {axis} of {tuple(outputs.shape[1:])}, "
                "which have lost how the places compare; ask an export without its softmax, or say "
                "?outputs=logits to read them as they are"
            )
    return None


def _to_logits(flat: Tensor, scale: Scale) -> Tensor:
    match scale:
        case "probabilities":
            return flat.clamp(min=LEAST).log()
        case "percentages":
            return (flat / 100).clamp(min=LEAST).log()
        case "sigmoids":
            return flat.logit(eps=LEAST_SIGMOID)
        case "log-probabilities":
            return torch.where(torch.isneginf(flat), torch.full_like(flat, LEAST).log(), flat)
        case _:
            return flat


def _to_probabilities(flat: Tensor, scale: Scale) -> Tensor:
    if scale == "probabilities":
        return flat
    return _to_logits(flat, scale).softmax(1)


def _notes(scale: Scale, kind: OutputKind, *, told: bool) -> tuple[str, ...]:
    if scale == kind:
        return ()
    how = {
        ("probabilities", "logits"): "their logarithms",
        ("percentages", "logits"): "the logarithms of their hundredths",
        ("log-probabilities", "logits"): "logits, which they are",
        ("sigmoids", "logits"): "the logits behind them",
        ("logits", "probabilities"): "their softmax",
        ("log-probabilities", "probabilities"): "their exponentials",
        ("percentages", "probabilities"): "their hundredths",
        ("sigmoids", "probabilities"): "shares of their odds",
    }[(scale, kind)]
    by = "as was said" if told else f"as all of them together show; ?outputs={kind} denies it"
    return (f"its outputs are {scale} ({by}) and were read as {how}",)
