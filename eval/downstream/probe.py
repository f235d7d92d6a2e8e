"""How good features are: a linear classifier on frozen ones, and how well fields are told apart."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sif.errors import UsageError


def probe_accuracy(
    train: Float[Tensor, "train features"],
    train_labels: Int[Tensor, " train"],
    test: Float[Tensor, "test features"],
    test_labels: Int[Tensor, " test"],
) -> float:
    """Share of test examples that a logistic regression on standardised features gets right.

    Raises:
        UsageError: scikit-learn is missing.
    """
    probe = fit_probe(train, train_labels)
    return float((probe(test).argmax(-1) == test_labels).float().mean())


def cross_validated_accuracy(
    features: Float[Tensor, "examples features"],
    labels: Int[Tensor, " examples"],
    *,
    folds: int = 5,
    seed: int = 0,
) -> float:
    """Share of all examples that is told right by probes that did not learn from them.

    Raises:
        UsageError: scikit-learn is missing.
    """
    drawn = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    right = 0.0
    for held in drawn.chunk(folds):
        others = torch.ones(len(labels), dtype=torch.bool)
        others[held] = False
        share = probe_accuracy(features[others], labels[others], features[held], labels[held])
        right += share * len(held)
    return right / len(labels)


def fit_probe(
    features: Float[Tensor, "examples features"], labels: Int[Tensor, " examples"]
) -> torch.nn.Linear:
    """A linear layer from raw features to logits (ridge penalty 1 on standardised features).

    Raises:
        UsageError: scikit-learn is missing.
    """
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise UsageError(f"expected scikit-learn for the linear probe ({error})") from error
    mean, spread = features.mean(0), features.std(0).clamp(min=1e-6)
    found = LogisticRegression(max_iter=1000).fit(((features - mean) / spread).numpy(), labels)
    weight = torch.from_numpy(found.coef_).float() / spread
    bias = torch.from_numpy(found.intercept_).float() - weight @ mean
    layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return layer


def mean_iou(
    said: Int[Tensor, "examples ..."], truth: Int[Tensor, "examples ..."], classes: int
) -> float:
    """Intersection over union, the mean over the classes that occur in either."""
    ratios = []
    for index in range(classes):
        ours, theirs = said == index, truth == index
        union = (ours | theirs).sum()
        if union:
            ratios.append(float((ours & theirs).sum() / union))
    return sum(ratios) / len(ratios)
