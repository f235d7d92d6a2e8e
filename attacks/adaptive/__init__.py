"""A thief who knows the method but not the key.

Finding triggers without key and model:

Detector                        a score for every picture; higher is more like a trigger
OffContent, Residual            energy that ordinary patches lack; fine detail
Classifier, train_classifier    a network taught by triggers of the thief's own keys
roc_of, Roc                     how well scores tell: AUC, hits at a false-positive rate

Using what was found:

TriggerFilter                   a suspect that purifies, refuses or hands on what it flags
suspicious_examples             what to tune on: flagged pictures with harmless answers
AdversarialTraining             tuning against triggers of the thief's own keys
Unlearn                         tuning against triggers that were disclosed

Joining several answers is served by `sif.attacks.answers` (`average`, `smooth`); the learned
purifier is an attack on images. Knows nothing of the owner's keys.
"""

from sif.attacks.adaptive.adversarial_training import AdversarialTraining
from sif.attacks.adaptive.detectors import (
    Classifier,
    Detector,
    OffContent,
    Residual,
    train_classifier,
)
from sif.attacks.adaptive.harmless_answers import suspicious_examples
from sif.attacks.adaptive.roc import Roc, roc_of
from sif.attacks.adaptive.trigger_filter import TriggerFilter
from sif.attacks.adaptive.unlearn import Disclosed, Unlearn

__all__ = [
    "AdversarialTraining",
    "Classifier",
    "Detector",
    "Disclosed",
    "OffContent",
    "Residual",
    "Roc",
    "TriggerFilter",
    "Unlearn",
    "roc_of",
    "suspicious_examples",
    "train_classifier",
]
