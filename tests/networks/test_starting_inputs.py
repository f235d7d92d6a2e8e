import pytest
import torch

from sif.networks.domain import Domain, Start, starting_inputs

DOMAIN = Domain(shape=(3,), lower=-1.0, upper=1.0)
GENERATOR = torch.Generator().manual_seed(0)
ORDINARY = torch.rand(50, 3, generator=GENERATOR) * torch.tensor([0.2, 0.6, 0.0])


def start(kind: Start, number: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return starting_inputs(kind, number, DOMAIN, ORDINARY, generator)


def test_ordinary_inputs_come_without_repeats_and_are_filled_up_with_noise() -> None:
    taken = start("data", 60)
    assert taken.shape == (60, 3)
    rows = {tuple(row) for row in ORDINARY.tolist()}
    assert {tuple(row) for row in taken[:50].tolist()} == rows
    assert not {tuple(row) for row in taken[50:].tolist()} & rows


def test_mixed_inputs_lie_halfway_between_two_with_noise_of_a_tenth_of_each_range() -> None:
    """A feature that never changes stays what it is; the others have the variance of theory."""
    mixed = start("mixed", 20_000)
    assert torch.equal(mixed[:, 2], torch.zeros(20_000))
    ranges = ORDINARY.amax(0) - ORDINARY.amin(0)
    wanted = ORDINARY.var(0, correction=0) / 2 + (0.1 * ranges) ** 2
    assert torch.allclose(mixed.var(0)[:2], wanted[:2], rtol=0.03)
    assert torch.allclose(mixed.mean(0), ORDINARY.mean(0), atol=0.01)


@pytest.mark.parametrize("kind", ["data", "mixed", "noise"])
def test_inputs_are_inside_the_domain_and_the_seeds_own(kind: Start) -> None:
    edge = torch.cat([ORDINARY, torch.ones(5, 3), -torch.ones(5, 3)])
    one, other = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    first = starting_inputs(kind, 40, DOMAIN, edge, one)
    assert torch.equal(first, starting_inputs(kind, 40, DOMAIN, edge, other))
    assert first.abs().max() <= 1
    assert not torch.equal(first, starting_inputs(kind, 40, DOMAIN, edge, one))
