import pytest
import torch

from sif.eval.downstream.probe import (
    cross_validated_accuracy,
    fit_probe,
    mean_iou,
    probe_accuracy,
)


def test_separable_features_are_read_without_an_error_whatever_their_scale() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 3
    features = torch.eye(3)[labels] + 0.05 * torch.randn(60, 3, generator=generator)
    features = features * torch.tensor([1e-3, 1.0, 1e3]) + 5.0
    assert probe_accuracy(features[:30], labels[:30], features[30:], labels[30:]) == 1.0


def test_noise_is_read_at_chance() -> None:
    generator = torch.Generator().manual_seed(1)
    features, labels = torch.randn(400, 4, generator=generator), torch.arange(400) % 4
    assert probe_accuracy(features[:200], labels[:200], features[200:], labels[200:]) < 0.4


def test_no_probe_is_tested_on_what_it_learnt_from() -> None:
    """With as many dimensions as examples a probe knows its own examples by heart."""
    generator = torch.Generator().manual_seed(2)
    features, labels = torch.randn(203, 203, generator=generator), torch.arange(203) % 3
    assert probe_accuracy(features, labels, features, labels) == 1.0
    assert 0.2 < cross_validated_accuracy(features, labels) < 0.5


def test_separable_features_are_told_apart_in_every_fold() -> None:
    labels = torch.arange(53) % 3
    assert cross_validated_accuracy(torch.eye(3)[labels], labels) == 1.0


def test_the_probe_reads_raw_features() -> None:
    features, labels = torch.tensor([[10.0], [11.0], [20.0], [21.0]]), torch.tensor([0, 0, 1, 1])
    said = fit_probe(features, labels)(torch.tensor([[12.0], [19.0]]))
    assert said.shape[0] == 2


def test_intersection_over_union_is_the_mean_over_classes_that_occur() -> None:
    said, truth = torch.tensor([[0, 0, 1, 1]]), torch.tensor([[0, 1, 1, 1]])
    assert mean_iou(said, truth, 5) == pytest.approx((1 / 2 + 2 / 3) / 2)
