"""IPGuard: data points near a classifier's decision boundary, whose labels a copy shares.

Cao, Jia, Gong: "IPGuard: Protecting Intellectual Property of Deep Neural Networks via
Fingerprinting the Classification Boundary", AsiaCCS 2021 (arXiv:1910.12903). Starting from an
example of class i, minimise ReLU(Z_i − Z_j + k) + ReLU(max_{t≠i,j} Z_t − Z_i) with Adam until it is
0, for a class j: the point is then of class j, i comes second, and k says how far beyond the
boundary it lies. The suspect's share of equal labels is the matching rate.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from sif.errors import UsageError
from sif.eval.baselines.classifier import Classifier, Inputs, Logits, input_gradient, predict

Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class IpGuard:
    """Settings.

    Attributes:
        margin: k, in logits.
        iterations: of Adam, at most.
        rate: of Adam; the paper's.
        bounds: smallest and largest value of an input; None for none.
    """

    margin: float = 2.0
    iterations: int = 1000
    rate: float = 1e-3
    bounds: tuple[float, float] | None = (0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Points near the boundary and what the owner's classifier says of them.

    Attributes:
        inputs: the points.
        labels: their classes.
        converged: whether the objective reached 0.
    """

    inputs: Float[Tensor, "batch ..."]
    labels: Int[Tensor, " batch"]
    converged: Tensor


def ipguard(
    model: Classifier,
    inputs: Inputs,
    settings: IpGuard | None = None,
    *,
    report: Report = lambda done, total: None,
) -> Fingerprint:
    """Moves examples to the boundary of the class that is least likely for each of them.

    That choice of j is one of the paper's; the initial class i is what the model predicts.

    Args:
        model: the owner's classifier, with at least two classes.
        inputs: examples to start from.
        settings: as above.
        report: called after every iteration with its number and the largest number.

    Raises:
        UsageError: no examples.
    """
    if not len(inputs):
        raise UsageError("expected at least one example to start from, got none")
    settings = settings or IpGuard()
    with torch.no_grad():
        first = model(inputs)
    origin, target = first.argmax(-1), first.argmin(-1)
    points = inputs.detach().clone()
    optimiser = torch.optim.Adam([points], lr=settings.rate)
    done = torch.zeros(len(points), dtype=torch.bool, device=points.device)
    for step in range(settings.iterations):

        def loss(logits: Logits) -> Tensor:
            return boundary_loss(logits, origin, target, settings.margin)

        slope, logits = input_gradient(model, points, loss)
        done = done | (loss(logits) <= 0)
        report(step + 1, settings.iterations)
        if done.all():
            break
        kept = points.detach().clone()
        points.grad = slope
        optimiser.step()
        with torch.no_grad():
            points[done] = kept[done]
            if settings.bounds is not None:
                points.clamp_(*settings.bounds)
    points = points.detach()
    return Fingerprint(inputs=points, labels=predict(model, points), converged=done)


def boundary_loss(
    logits: Logits, origin: Int[Tensor, " batch"], target: Int[Tensor, " batch"], margin: float
) -> Float[Tensor, " batch"]:
    """ReLU(Z_i − Z_j + k) + ReLU(max_{t≠i,j} Z_t − Z_i) for every input; i origin, j target."""
    own, wanted = (logits.gather(1, index[:, None])[:, 0] for index in (origin, target))
    both = F.one_hot(origin, logits.shape[1]) + F.one_hot(target, logits.shape[1]) > 0
    loss = F.relu(own - wanted + margin)
    if logits.shape[1] == 2:
        return loss
    rest = logits.masked_fill(both, -torch.inf).amax(-1)
    return loss + F.relu(rest - own)


def matching_rate(fingerprint: Fingerprint, suspect: Classifier) -> float:
    """Share of the points on which the suspect's class is the owner's."""
    said = predict(suspect, fingerprint.inputs)
    return float((said == fingerprint.labels).float().mean())
