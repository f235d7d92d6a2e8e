"""The optimisation loop: projected sign descent on a batch of images.

Knows no method by name: an objective says what is wanted, terms say what it must hold against.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from sif.errors import ModelError
from sif.fingerprint.content import ContentSpace
from sif.fingerprint.objectives.objective import Batch, Objective, Targets
from sif.fingerprint.robustness.term import GradientFunction, StepContext, Term, plain_gradient
from sif.vlm.activation_functions import computed_again
from sif.vlm.model import Vlm

Images = Float[Tensor, "batch 3 height width"]
PROJECTIONS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How far and how fast the pixels move.

    Args:
        steps: number of steps.
        epsilon: largest change of a pixel, ‖x' − x‖∞ ≤ ε, in [0, 1].
        step_size: α, change of a pixel in a step.
        final_step_size: α of the last step; α falls linearly to it. None keeps α.
        momentum: decay of the accumulated gradient, 0 for none.
        round_pixels: take the gradient at 8-bit values (straight-through).
        minimum_frequency: the change is kept out of the band |f_y| + |f_x| below this (cycles per
            pixel), where pictures have their own content and models of the same data react alike.
            None allows every band.
        tile: side in pixels of the squares within which that holds, each for itself: the patches
            of the vision tower, whose first layer sees no further. None for the whole image.
        content: what ordinary pictures hold, which the change is kept out of; None allows all.
        check_every: steps between two measurements of the signal; the best image is kept.
            None keeps the last.
    """

    steps: int
    epsilon: float
    step_size: float
    final_step_size: float | None = None
    momentum: float = 0.0
    round_pixels: bool = True
    minimum_frequency: float | None = None
    tile: int | None = None
    content: ContentSpace | None = None
    check_every: int | None = None


@dataclass(slots=True)
class _Best:
    """The images with the strongest measured signal so far."""

    images: Images
    signal: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.signal = torch.full((len(self.images),), -torch.inf)

    def update(self, images: Images, signal: Tensor) -> None:
        better = signal > self.signal
        chosen = better.to(images.device)[:, None, None, None]
        self.images = torch.where(chosen, images, self.images)
        self.signal = torch.where(better, signal, self.signal)


def optimise(
    vlm: Vlm,
    batch: Batch,
    *,
    objective: Objective,
    terms: Sequence[Term],
    schedule: Schedule,
    measure: Callable[[Images], Float[Tensor, " batch"]],
    report: Callable[[int, float], None],
    start: Images | None = None,
) -> Images:
    """Changes images until the model says what the objective wants.

    Args:
        vlm: the owner's model.
        batch: base images to start from and to stay near, prompts, green masks and seeds.
        objective: the loss.
        terms: outermost first.
        schedule: budget and pace.
        measure: strength of the signal of 8-bit images; larger is better.
        report: called after every step with its number and the mean loss.
        start: images within the budget to go on from; the base images where None.

    Returns:
        Images at 8-bit values within the budget.

    Raises:
        ModelError: a loss or a gradient that is no longer finite.
    """
    base = batch.base
    images = project(base if start is None else start, base, schedule.epsilon)
    velocity = torch.zeros_like(images)
    targets: Targets | None = None
    best = _Best(to_8_bit(images, base, schedule.epsilon))
    for step in range(schedule.steps):
        seen = to_8_bit(images, base, schedule.epsilon) if schedule.round_pixels else images
        targets = objective.targets(vlm, batch, seen, step, targets)
        gradient = wrapped(vlm, batch, objective, terms, targets, step)
        loss, slope = gradient(seen)
        _require_finite(loss, slope, step)
        velocity = schedule.momentum * velocity + slope / _mean_size(slope)
        images = confine(images - _pace(schedule, step) * velocity.sign(), base, schedule)
        last = step + 1 == schedule.steps
        if last or (schedule.check_every and not (step + 1) % schedule.check_every):
            candidate = to_8_bit(images, base, schedule.epsilon)
            if schedule.check_every:
                best.update(candidate, measure(candidate))
            else:
                best.images = candidate
        report(step + 1, float(loss.mean()))
    return best.images


def wrapped(
    vlm: Vlm,
    batch: Batch,
    objective: Objective,
    terms: Sequence[Term],
    targets: Targets,
    step: int,
) -> GradientFunction:
    """The objective's gradient in this step, with all terms around it."""
    context = StepContext(vlm, step, batch.seeds, batch.shared_seed)

    def loss(images: Images) -> Tensor:
        with computed_again(vlm.model):
            return objective.loss(vlm, batch, images, targets)

    gradient = plain_gradient(loss)
    for term in reversed(terms):
        gradient = term.around(gradient, context)
    return gradient


def _require_finite(loss: Tensor, slope: Images, step: int) -> None:
    """Before pictures become of it: nothing that is computed with no number has a budget."""
    if not (loss.isfinite().all() and slope.isfinite().all()):
        raise ModelError(
            f"expected a finite loss and gradient, got others in step {step + 1} (loss "
            f"{float(loss.mean()):g}); lower the weights and rates of the recipe, or load the "
            "model in float32"
        )


def _mean_size(slope: Images) -> Tensor:
    return slope.abs().mean((1, 2, 3), keepdim=True).clamp(min=1e-30)


def _pace(schedule: Schedule, step: int) -> float:
    final = schedule.step_size if schedule.final_step_size is None else schedule.final_step_size
    done = step / max(1, schedule.steps - 1)
    return schedule.step_size + done * (final - schedule.step_size)


def confine(images: Images, base: Images, schedule: Schedule) -> Images:
    """Within the budget and, nearly, within what is allowed (clipping leaks a little)."""
    if schedule.minimum_frequency is not None or schedule.content is not None:
        for _ in range(PROJECTIONS):
            change = images - base
            if schedule.minimum_frequency is not None:
                change = high_pass(change, schedule.minimum_frequency, tile=schedule.tile)
            if schedule.content is not None:
                change = schedule.content.removed_from(change)
            images = project(base + change, base, schedule.epsilon)
    return project(images, base, schedule.epsilon)


def high_pass(change: Images, minimum_frequency: float, *, tile: int | None = None) -> Images:
    """Without its components of |f_y| + |f_x| ≤ `minimum_frequency` cycles per pixel.

    Args:
        change: of an image.
        minimum_frequency: of the components that are kept.
        tile: side of squares that are treated each for itself, but for what is left over below
            and to the right, which stays; None, or a larger side than the image's, for the whole
            image at once.
    """
    height, width = change.shape[-2:]
    if tile is None or min(height, width) < tile:
        return _high_pass(change, minimum_frequency)
    if height % tile or width % tile:
        whole, inside = (
            change.clone(),
            (..., slice(height // tile * tile), slice(width // tile * tile)),
        )
        whole[inside] = high_pass(change[inside], minimum_frequency, tile=tile)
        return whole
    tiles = change.unflatten(-1, (-1, tile)).unflatten(-3, (-1, tile)).transpose(-2, -3)
    kept = _high_pass(tiles, minimum_frequency)
    return kept.transpose(-2, -3).flatten(-4, -3).flatten(-2, -1)


def _high_pass(change: Tensor, minimum_frequency: float) -> Tensor:
    height, width = change.shape[-2:]
    rows = torch.fft.fftfreq(height, device=change.device).abs()[:, None]
    columns = torch.fft.rfftfreq(width, device=change.device).abs()[None]
    allowed = (rows + columns > minimum_frequency).to(change.dtype)
    kept: Tensor = torch.fft.irfft2(torch.fft.rfft2(change) * allowed, s=(height, width))
    return kept


def project(images: Images, base: Images, epsilon: float) -> Images:
    """Π: the nearest images with ‖x' − x‖∞ ≤ ε and values in [0, 1]."""
    return torch.min(torch.max(images, base - epsilon), base + epsilon).clamp(0, 1)


def to_8_bit(images: Images, base: Images, epsilon: float) -> Images:
    """Rounded to multiples of 1/255 without leaving the budget (the base lies on such values)."""
    reach = int(255 * epsilon + 1e-6)
    levels = (255 * base).round()
    rounded = (255 * images).round()
    return torch.min(torch.max(rounded, levels - reach), levels + reach).clamp(0, 255) / 255
