"""The scale of a suspect's outputs is seen, said, and makes no difference to its score."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from sif.errors import UsageError
from sif.networks.fingerprint import NetworkFingerprint
from sif.networks.reading import OutputKind
from sif.networks.scale import Scale, scaled, seen_scale
from sif.networks.verify import judge, verify_network
from tests.networks.small import Small

LOGITS = 4 * torch.randn(30, 10, generator=torch.Generator().manual_seed(0))
SOFTMAX = LOGITS.softmax(1)
SEEN: dict[str, tuple[Tensor, Scale]] = {
    "logits": (LOGITS, "logits"),
    "softmax": (SOFTMAX, "probabilities"),
    "softmax in half precision": (SOFTMAX.half().float(), "probabilities"),
    "softmax of two digits": ((SOFTMAX * 100).round() / 100, "probabilities"),
    "saturated": ((50 * LOGITS).softmax(1), "probabilities"),
    "one for the best": (torch.eye(10)[LOGITS.argmax(1)], "probabilities"),
    "a hair below 0": (SOFTMAX - 1e-6, "probabilities"),
    "percentages": (100 * SOFTMAX, "percentages"),
    "log-softmax": (LOGITS.log_softmax(1), "log-probabilities"),
    "the logarithm of 0": ((50 * LOGITS).softmax(1).log(), "log-probabilities"),
    "one row that sums to 1": (torch.cat([LOGITS[1:], SOFTMAX[:1]]), "logits"),
    "all rows but one": (torch.cat([LOGITS[:1], SOFTMAX[1:]]), "logits"),
    "one row": (SOFTMAX[:1], "logits"),
    "one number": (torch.ones(30, 1), "logits"),
    "logits that sum to 1": (LOGITS - LOGITS.mean(1, keepdim=True) + 0.1, "logits"),
    "no numbers": (torch.full((30, 10), torch.nan), "logits"),
    "logits above 0": (LOGITS.relu(), "logits"),
}


@pytest.mark.parametrize("case", SEEN)
def test_a_scale_shows_in_all_rows_together(case: str) -> None:
    outputs, scale = SEEN[case]
    assert seen_scale(outputs, "logits") == scale
    assert scaled(outputs, "logits").scale == scale


@pytest.mark.parametrize("case", [name for name, (_, scale) in SEEN.items() if scale != "logits"])
def test_what_a_verifier_reads_of_logits_is_the_same_on_any_scale(case: str) -> None:
    outputs, scale = SEEN[case]
    read = scaled(outputs, "logits")
    assert torch.isfinite(read.outputs).all()
    assert len(read.notes) == 1
    assert scale in read.notes[0]
    probabilities = {
        "percentages": outputs / 100,
        "log-probabilities": outputs.exp(),
        "probabilities": outputs.clamp(min=0) / outputs.clamp(min=0).sum(1, keepdim=True),
    }[scale]
    assert torch.allclose(read.outputs.softmax(1), probabilities, atol=1e-5)


TO_PROBABILITIES: dict[Scale, Tensor] = {
    "logits": LOGITS,
    "probabilities": SOFTMAX,
    "percentages": 100 * SOFTMAX,
    "log-probabilities": LOGITS.log_softmax(1),
    "sigmoids": LOGITS.double().sigmoid().float(),
}


@pytest.mark.parametrize("scale", TO_PROBABILITIES)
def test_a_fingerprint_of_probabilities_reads_all_scales(scale: Scale) -> None:
    outputs = TO_PROBABILITIES[scale]
    told = scaled(outputs, "probabilities", scale).outputs
    assert torch.allclose(told, SOFTMAX, atol=1e-3)
    if scale != "sigmoids":
        assert torch.equal(scaled(outputs, "probabilities").outputs, told)


def test_sigmoids_are_read_where_that_is_said() -> None:
    sigmoids = LOGITS.double().sigmoid().float()
    unsaid = scaled(sigmoids, "logits")
    assert torch.equal(unsaid.outputs, sigmoids)
    assert "?outputs=sigmoids" in unsaid.notes[0]
    said = scaled(sigmoids, "logits", "sigmoids").outputs
    assert torch.allclose(said.softmax(1), SOFTMAX, atol=1e-3)
    assert torch.equal(scaled(sigmoids, "probabilities").outputs, sigmoids)


def test_who_knows_better_is_believed() -> None:
    assert torch.equal(scaled(SOFTMAX, "logits", "logits").outputs, SOFTMAX)
    read = scaled(torch.cat([LOGITS[:1].softmax(1)]), "logits", "probabilities")
    assert read.scale == "probabilities"
    assert "as was said" in read.notes[0]


def test_values_are_never_converted() -> None:
    for outputs in (SOFTMAX, LOGITS, LOGITS.view(30, 2, 5)):
        assert scaled(outputs, "values") == (outputs, "values", (), None)
        assert scaled(outputs, "values", "values").outputs is outputs


@pytest.mark.parametrize(
    ("kind", "told"), [("values", "probabilities"), ("logits", "values"), ("values", "logits")]
)
def test_a_scale_that_the_fingerprint_does_not_have_is_a_wrong_request(
    kind: OutputKind, told: Scale
) -> None:
    with pytest.raises(UsageError, match=f"outputs={told}"):
        scaled(SOFTMAX, kind, told)


@pytest.mark.parametrize("axis", [1, 2])
def test_probabilities_of_each_place_are_not_taken_for_those_of_the_whole(axis: int) -> None:
    grid = LOGITS.view(30, 2, 5)
    read = scaled(grid.softmax(axis), "logits")
    assert read.fault is not None
    assert f"along axis {axis}" in read.fault
    assert scaled(grid.softmax(axis), "logits", "logits").fault is None
    whole = scaled(grid.flatten(1).softmax(1).view(30, 2, 5), "logits")
    assert whole.scale == "probabilities"
    assert whole.outputs.shape == grid.shape


EXPORTS: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax": lambda logits: logits.softmax(1),
    "softmax in half precision": lambda logits: logits.softmax(1).half().float(),
    "softmax of four digits": lambda logits: (logits.softmax(1) * 1e4).round() / 1e4,
    "percentages": lambda logits: 100 * logits.softmax(1),
    "log-softmax": lambda logits: logits.log_softmax(1),
    "shifted": lambda logits: logits + 17,
}


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("made", ["fingerprint", "ranked"])
def test_an_export_of_any_scale_scores_like_the_network(
    made: str, export: str, world: Small, request: pytest.FixtureRequest
) -> None:
    owned: NetworkFingerprint = request.getfixturevalue(made)
    for network in (world.protected, world.unseen_copies[0], world.unseen_others[0]):
        plain = verify_network(owned, network, name="n")
        other = verify_network(owned, lambda x, n=network: EXPORTS[export](n(x)), name="n")
        assert other.score == pytest.approx(plain.score, abs=1e-3)
        assert other.decision == plain.decision
        assert (len(other.notes), len(plain.notes)) == (int(export != "shifted"), 0)


def test_outputs_that_cannot_be_compared_decide_nothing(fingerprint: NetworkFingerprint) -> None:
    places = torch.rand(len(fingerprint.inputs), 2, 3).softmax(2)
    verdict = judge(fingerprint, places, name="theirs")
    assert (verdict.decision, verdict.score) == ("inconclusive", None)
    assert "along axis 2" in verdict.reason
