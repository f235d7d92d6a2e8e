"""The tiny world and a fingerprint of its protected network, made once."""

from collections.abc import Sequence

import pytest

from sif.networks.contrast import Family, contrast_fingerprints
from sif.networks.fingerprint import NetworkFingerprint, make_fingerprint
from sif.networks.joint_training import Sides, Trained, train_fingerprints
from sif.networks.manifest import NetworkCounts
from sif.networks.method import METHODS, Method
from tests.networks.small import DOMAIN, Small, examples, noisy, small_world

QUICK = Method(fingerprints=12, iterations=150, input_rate=1e-2, verifier_rate=1e-2)


@pytest.fixture(scope="session")
def world() -> Small:
    return small_world()


def train_quickly(world: Small, method: Method = QUICK, seed: int = 0) -> Trained:
    return train_fingerprints(
        world.protected,
        Sides(positives=world.copies, negatives=world.others),
        method,
        domain=DOMAIN,
        ordinary=world.data.inputs,
        kind="logits",
        seed=seed,
    )


@pytest.fixture(scope="session")
def fingerprint(world: Small) -> NetworkFingerprint:
    return quick_fingerprint(world)


def quick_fingerprint(world: Small, method: Method = QUICK) -> NetworkFingerprint:
    return make_fingerprint(
        train_quickly(world, method),
        world.protected,
        world.unseen_others,
        task="made up",
        domain=DOMAIN,
        method=method,
        seed=0,
        counts=NetworkCounts(positives=3, negatives=3, stopping_positives=0, stopping_negatives=0),
        rate=0.2,
    )


def draw_contrast(
    families: Sequence[Family], method: Method = METHODS["contrast"], *, seed: int = 0
) -> Trained:
    return contrast_fingerprints(
        families[0],
        families[1:],
        method,
        domain=DOMAIN,
        ordinary=examples().inputs,
        kind="logits",
        seed=seed,
    )


@pytest.fixture(scope="session")
def ranked(world: Small) -> NetworkFingerprint:
    """By three references, each with a noisy copy."""
    families = [Family(head, [noisy(head, 7)]) for head in (world.protected, *world.others)]
    return make_fingerprint(
        draw_contrast(families),
        world.protected,
        [],
        task="made up",
        domain=DOMAIN,
        method=METHODS["contrast"],
        seed=0,
        counts=NetworkCounts(positives=1, negatives=6, stopping_positives=0, stopping_negatives=0),
        rate=0.25,
    )
