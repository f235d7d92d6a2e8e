"""The terms against closed forms, and against every rearrangement that changes nothing."""

import itertools

import numpy as np
import pytest
import torch

from sif.lineage.compare import best_order, read
from sif.lineage.invariants import BlockWeights, cosine, invariants


def block(seed: int, *, hidden: int = 12, heads: int = 12, inner: int = 20) -> BlockWeights:
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return BlockWeights(
        query=drawn(heads, hidden),
        key=drawn(heads, hidden),
        value=drawn(heads, hidden),
        output=drawn(hidden, heads),
        up=drawn(inner, hidden),
        down=drawn(hidden, inner),
        before_attention=drawn(hidden).abs(),
        before_feed_forward=drawn(hidden).abs(),
    )


def test_the_terms_are_those_of_the_paper() -> None:
    probe = torch.randn(5, 12, dtype=torch.float64)
    weights = block(1)
    found = invariants(probe, weights)
    assert weights.query is not None
    assert weights.key is not None
    seen = probe @ torch.diag(weights.before_attention)
    assert torch.allclose(found["attention"], seen @ weights.query.T @ weights.key @ seen.T)
    assert torch.allclose(found["values"], seen @ weights.value.T @ weights.output.T @ probe.T)
    inside = probe @ torch.diag(weights.before_feed_forward) @ weights.up.T
    assert torch.allclose(found["feed-forward"], inside @ weights.down.T @ probe.T)
    assert invariants(probe, BlockWeights()) == {}


def test_a_turned_and_exchanged_block_has_the_same_terms() -> None:
    torch.manual_seed(0)
    probe, one = torch.randn(7, 12, dtype=torch.float64), block(2)
    turn = torch.linalg.qr(torch.randn(12, 12, dtype=torch.float64))[0]
    units, inner = torch.randperm(12), torch.randperm(20)
    into = {
        name: (getattr(one, name) * getattr(one, scales)) @ turn
        for name, scales in (
            ("query", "before_attention"),
            ("key", "before_attention"),
            ("value", "before_attention"),
            ("up", "before_feed_forward"),
        )
    }
    other = BlockWeights(
        query=3 * into["query"][units],
        key=into["key"][units] / 3,
        value=into["value"][units],
        output=(turn.T @ one.output)[:, units],
        up=into["up"][inner],
        down=(turn.T @ one.down)[:, inner],
    )
    mine, theirs = invariants(probe, one), invariants(probe @ turn, other)
    assert mine.keys() == theirs.keys()
    for name, term in mine.items():
        assert torch.allclose(term, theirs[name])
        assert cosine(term, theirs[name]) == pytest.approx(1)
    stranger = invariants(probe, block(3))
    assert all(abs(cosine(term, stranger[name]) or 1) < 0.6 for name, term in mine.items())


def test_the_cosine_of_a_constant_or_of_no_number_is_nothing() -> None:
    flat, odd = torch.ones(3, 3), torch.full((3, 3), torch.nan)
    some = torch.arange(9.0).view(3, 3)
    assert [cosine(it, some) for it in (flat, odd, some * torch.inf)] == [None] * 3
    assert cosine(some, -2 * some) == pytest.approx(-1)


@pytest.mark.parametrize("seed", range(20))
def test_the_best_order_is_the_best_of_all(seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows = int(generator.integers(1, 5))
    columns = rows + int(generator.integers(0, 4))
    alike = np.round(generator.normal(size=(rows, columns)), 1)
    found = best_order(alike)
    assert found == sorted(set(found))
    value = sum(alike[row, column] for row, column in enumerate(found))
    everything = itertools.combinations(range(columns), rows)
    best = max(sum(alike[row, column] for row, column in enumerate(one)) for one in everything)
    assert value == pytest.approx(best)


def test_readings() -> None:
    assert [read(value) for value in (1.0, 0.75, 0.6, 0.5, -0.2)] == [
        *("one origin", "one origin", "unclear"),
        *("no common origin seen", "no common origin seen"),
    ]


def test_matrices_of_another_width_than_the_embeddings_make_no_term() -> None:
    wide = BlockWeights(
        query=torch.ones(4, 8), key=torch.ones(4, 8), before_attention=torch.ones(8)
    )
    assert invariants(torch.ones(5, 6), wide) == {}
    normed = BlockWeights(up=torch.ones(9, 6), down=torch.ones(6, 9))
    assert [*invariants(torch.ones(5, 6), normed)] == ["feed-forward"]
    other = BlockWeights(
        up=torch.ones(4, 9), down=torch.ones(9, 4), before_feed_forward=torch.ones(9)
    )
    assert invariants(torch.ones(5, 6), other) == {}
