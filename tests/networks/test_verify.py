from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sif.errors import ModelError
from sif.networks.fingerprint import NetworkFingerprint
from sif.networks.verify import verify_network
from tests.networks.small import Constant, Small


def test_a_copy_is_derived_and_an_innocent_is_not(
    fingerprint: NetworkFingerprint, world: Small
) -> None:
    copy = verify_network(fingerprint, world.unseen_copies[0], name="copy")
    other = verify_network(fingerprint, world.unseen_others[0], name="other")
    assert (copy.decision, other.decision) == ("derived", "not_shown")
    assert copy.p_value == 1 / (len(world.unseen_others) + 1)
    assert copy.score > copy.threshold >= other.score


def test_a_score_at_the_threshold_itself_shows_nothing(
    fingerprint: NetworkFingerprint, world: Small
) -> None:
    score = verify_network(fingerprint, world.unseen_copies[0], name="copy").score
    manifest = fingerprint.manifest
    there = manifest.threshold.model_copy(update={"value": score})
    level = replace(fingerprint, manifest=manifest.model_copy(update={"threshold": there}))
    assert verify_network(level, world.unseen_copies[0], name="copy").decision == "not_shown"


def test_numbers_that_are_not_finite_decide_nothing(
    fingerprint: NetworkFingerprint, world: Small
) -> None:
    def sometimes(inputs: Tensor) -> Tensor:
        said = world.protected(inputs)
        said[3] = torch.nan
        return said

    verdict = verify_network(fingerprint, sometimes, name="odd")
    assert verdict.decision == "inconclusive"
    assert (verdict.score, verdict.p_value) == (None, None)
    assert verdict.answered == verdict.asked - 1
    assert "not finite" in verdict.reason


def test_too_few_held_out_networks_are_said(fingerprint: NetworkFingerprint, world: Small) -> None:
    manifest = fingerprint.manifest
    strict = manifest.threshold.model_copy(update={"wanted_rate": 0.01})
    sharp = NetworkFingerprint(
        manifest=manifest.model_copy(update={"threshold": strict}),
        inputs=fingerprint.inputs,
        reading=fingerprint.reading,
        verifier=fingerprint.verifier,
        own=fingerprint.own,
    )
    assert "too few" in verify_network(sharp, world.protected, name="x").reason
    assert "too few" not in verify_network(fingerprint, world.protected, name="x").reason


@pytest.mark.parametrize("said", [torch.zeros(4), torch.zeros(3, 1)])
def test_suspects_of_other_shapes_are_refused(
    said: Tensor, fingerprint: NetworkFingerprint
) -> None:
    with pytest.raises(ModelError, match="expected outputs of shape"):
        verify_network(fingerprint, Constant(said), name="theirs")


def test_suspects_that_take_other_inputs_are_refused(fingerprint: NetworkFingerprint) -> None:
    with pytest.raises(ModelError, match="does not take inputs of shape"):
        verify_network(fingerprint, torch.nn.Linear(5, 3), name="theirs")


def test_a_rank_decides_where_there_are_references(
    ranked: NetworkFingerprint, world: Small
) -> None:
    copy = verify_network(ranked, world.unseen_copies[0], name="copy")
    assert (copy.decision, copy.p_value, copy.threshold) == ("derived", 0.25, None)
    assert (copy.wanted_rate, copy.rate_high) == (0.25, 0.25)
    assert "0 of 3" in copy.reason
    reference = verify_network(ranked, world.others[0], name="reference")
    assert reference.decision == "not_shown"
    assert reference.p_value is not None
    assert reference.p_value >= 0.5
    assert "of 3 networks trained like" in reference.reason


def test_too_few_references_never_show_anything(ranked: NetworkFingerprint, world: Small) -> None:
    assert ranked.manifest.ranks is not None
    strict = ranked.manifest.ranks.model_copy(update={"wanted_rate": 0.24})
    sharp = replace(ranked, manifest=ranked.manifest.model_copy(update={"ranks": strict}))
    verdict = verify_network(sharp, world.protected, name="mine")
    assert (verdict.decision, verdict.p_value) == ("not_shown", 0.25)
    assert "too few" in verdict.reason


def test_not_finite_numbers_have_no_rank(ranked: NetworkFingerprint) -> None:
    verdict = verify_network(ranked, Constant(torch.tensor([torch.nan, 0.0, 0.0])), name="odd")
    assert (verdict.decision, verdict.p_value, verdict.threshold) == ("inconclusive", None, None)
