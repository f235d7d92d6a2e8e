"""ADV-TRA: adversarial trajectories across the boundaries of several classes.

Xu et al.: "United We Stand, Divided We Fall: Fingerprinting Deep Neural Networks via Adversarial
Trajectories", NeurIPS 2024. From an example on, signed gradient steps approach the boundary to
another class; their lengths shrink towards it and are adapted so that the last one crosses it
and no earlier one does. The same lengths backwards lead on into that class, where the next leg to
a further class begins. The mutation rate of a trajectory is the share of its points that a suspect
labels otherwise than the owner; a trajectory is recognised where it is small.

The paper learns the step lengths with a penalty that makes each a fixed fraction of the one
before, and scales all of them up or down until the crossing fits. Here that fraction is exact and
only the scale is searched, by bisection, for all examples at once.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from sif.errors import UsageError
from sif.eval.baselines.classifier import Classifier, Inputs, input_gradient, predict

Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvTra:
    """Settings; the defaults of decay, step and threshold are those of the released code.

    Attributes:
        classes: that a trajectory visits, the first included.
        length: steps of a leg, an even number: half before the boundary, half behind it.
        decay: length of a step over that of the one before.
        first_step: length at which the search begins, in units of the input.
        searches: of the scale, at most; ours.
        threshold: mutation rate under which a trajectory is recognised.
        bounds: smallest and largest value of an input.
        seed: of the order of the classes.
    """

    classes: int = 5
    length: int = 8
    decay: float = 0.95
    first_step: float = 0.05
    searches: int = 20
    threshold: float = 0.5
    bounds: tuple[float, float] = (0.0, 1.0)
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectories:
    """Points in the order of walking, and the owner's classes for them.

    Attributes:
        points: of all trajectories.
        labels: what the owner's classifier says.
        threshold: mutation rate under which one is recognised.
    """

    points: Float[Tensor, "trajectories points ..."]
    labels: Int[Tensor, "trajectories points"]
    threshold: float


def adv_tra(
    model: Classifier,
    inputs: Inputs,
    settings: AdvTra | None = None,
    *,
    report: Report = lambda done, total: None,
) -> Trajectories:
    """Walks from every example; those from which some leg finds no crossing are left out.

    Args:
        model: the owner's classifier.
        inputs: examples to start from.
        settings: as above.
        report: called after every leg with its number and the number of legs.

    Raises:
        UsageError: fewer classes than a trajectory is to visit, or no example led through.
    """
    settings = settings or AdvTra()
    with torch.no_grad():
        number = model(inputs[:1]).shape[1]
    if number < settings.classes or settings.classes < 2:
        raise UsageError(f"expected 2 to {number} classes for a trajectory, got {settings.classes}")
    order = _orders(predict(model, inputs), number, settings).to(inputs.device)
    place, walked = inputs.detach(), [inputs.detach()[:, None]]
    through = torch.ones(len(inputs), dtype=torch.bool, device=inputs.device)
    for leg in range(order.shape[1]):
        target = order[:, leg]
        lengths, found = _adapt(model, place, target, settings)
        passed = _walk(model, place, target, torch.cat([lengths, lengths.flip(1)], 1), settings)
        walked.append(passed)
        place, through = passed[:, -1], through & found
        report(leg + 1, order.shape[1])
    if not through.any():
        raise UsageError(
            "expected examples from which a trajectory leads on, found none; give more"
        )
    points = torch.cat(walked, 1)[through]
    labels = predict(model, points.flatten(0, 1)).unflatten(0, points.shape[:2])
    return Trajectories(points=points, labels=labels, threshold=settings.threshold)


def mutation_rates(
    trajectories: Trajectories, suspect: Classifier
) -> Float[Tensor, " trajectories"]:
    """For each trajectory the share of points that the suspect labels otherwise."""
    said = predict(suspect, trajectories.points.flatten(0, 1)).view_as(trajectories.labels)
    return (said != trajectories.labels).float().mean(1)


def detection_rate(trajectories: Trajectories, suspect: Classifier) -> float:
    """Share of the trajectories that are recognised in the suspect."""
    return float((mutation_rates(trajectories, suspect) < trajectories.threshold).float().mean())


def _orders(
    first: Int[Tensor, " batch"], number: int, settings: AdvTra
) -> Int[Tensor, "batch legs"]:
    """For every example other classes than its own, in random order."""
    generator = torch.Generator().manual_seed(settings.seed)
    rank = torch.rand(len(first), number, generator=generator)
    rank.scatter_(1, first.cpu()[:, None], 2.0)
    return rank.argsort(1)[:, : settings.classes - 1]


def _adapt(
    model: Classifier, start: Inputs, target: Int[Tensor, " batch"], settings: AdvTra
) -> tuple[Float[Tensor, "batch half"], Bool[Tensor, " batch"]]:
    """Step lengths of which the last one alone crosses into the target, and where they exist."""
    half = settings.length // 2
    shape = settings.decay ** torch.arange(half, device=start.device)
    scale = torch.full((len(start),), settings.first_step, device=start.device)
    low, high = torch.zeros_like(scale), torch.full_like(scale, torch.inf)
    best, found = scale.clone(), torch.zeros_like(scale, dtype=torch.bool)
    for _ in range(settings.searches):
        points = _walk(model, start, target, scale[:, None] * shape, settings)
        classes = predict(model, points.flatten(0, 1)).unflatten(0, points.shape[:2])
        there = classes == target[:, None]
        early, late = there[:, :-1].any(1), ~there[:, -1]
        fits = ~early & ~late & ~found
        best, found = torch.where(fits, scale, best), found | fits
        if found.all():
            break
        high, low = torch.where(early, scale, high), torch.where(early, low, scale)
        scale = torch.where(high.isinf(), 2 * scale, (low + high.clamp(max=1e6)) / 2)
    return best[:, None] * shape, found


def _walk(
    model: Classifier,
    start: Inputs,
    target: Int[Tensor, " batch"],
    lengths: Float[Tensor, "batch steps"],
    settings: AdvTra,
) -> Float[Tensor, "batch steps ..."]:
    """The points after each signed gradient step towards the target."""
    place, points = start, []
    for step in range(lengths.shape[1]):
        slope, _ = input_gradient(
            model, place, lambda logits: F.cross_entropy(logits, target, reduction="none")
        )
        stride = lengths[:, step].view(-1, *[1] * (place.dim() - 1))
        place = (place - stride * slope.sign()).clamp(*settings.bounds)
        points.append(place)
    return torch.stack(points, 1)
