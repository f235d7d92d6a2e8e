"""The signature: a null that is exact, a copy that spells it, and strangers that do not."""

import math

import pytest
import torch
from torch import Tensor, nn

from sif.errors import ModelError, UsageError
from sif.networks.domain import Domain
from sif.networks.signature import Pairs, Signed, Signing, chance, draw_pairs, needed, sign
from tests.networks.small import DOMAIN, Constant, Small, small_world

KEY = b"k" * 32
SETTINGS = Signing(bits=24, iterations=150)


@pytest.fixture(scope="module")
def world() -> Small:
    return small_world()


@pytest.fixture(scope="module")
def pairs(world: Small) -> Pairs:
    return draw_pairs(
        world.protected, SETTINGS.bits, domain=DOMAIN, ordinary=world.data.inputs, seed=1
    )


@pytest.fixture(scope="module")
def signed(world: Small, pairs: Pairs) -> Signed:
    return sign(
        world.protected,
        pairs,
        KEY,
        SETTINGS,
        copies=world.copies,
        innocents=world.others,
        seed=1,
    )


def keys(number: int) -> list[bytes]:
    return [place.to_bytes(32, "big") for place in range(number)]


@pytest.mark.parametrize(
    ("matches", "bits", "expected"),
    [(0, 9, 1.0), (4, 4, 1 / 16), (3, 4, 5 / 16), (60, 100, 0.02844397), (50, 50, 2.0**-50)],
)
def test_the_chance_of_fair_bits_is_the_binomial_tail(
    matches: int, bits: int, expected: float
) -> None:
    assert chance(matches, bits) == pytest.approx(expected, rel=1e-6)
    exact = sum(math.comb(bits, k) for k in range(matches, bits + 1)) / 2**bits
    assert chance(matches, bits) == pytest.approx(exact, rel=1e-12)


def test_the_chance_of_many_matches_is_small_and_never_nothing() -> None:
    assert 0 < chance(5000, 5000) < 1e-300


def test_a_claim_needs_the_fewest_matches_that_are_rare_enough() -> None:
    assert needed(10, 0.05) == 9  # of 8 or more the chance is 0.0547
    assert needed(10, 0.0547) == 8
    assert needed(4, 0.05) is None
    assert needed(5, 0.05) == 5


@pytest.mark.parametrize("which", ["stranger", "copy", "all alike"])
def test_over_keys_the_matches_of_any_network_are_those_of_fair_coins(
    which: str, world: Small, pairs: Pairs
) -> None:
    network: nn.Module = {
        "stranger": world.unseen_others[0],
        "copy": world.unseen_copies[0],
        "all alike": Constant(torch.tensor([1.0, 0.0, 0.0])),
    }[which]
    spelt, number = pairs.bits(network), 3000
    if which == "all alike":
        assert len(spelt.unique()) == 1
    found = torch.tensor([int((pairs.signature(key) == spelt).sum()) for key in keys(number)])
    for level in (0.5, 0.1, 0.05, 0.01):
        least = needed(SETTINGS.bits, level)
        assert least is not None
        exact = chance(least, SETTINGS.bits)
        spread = math.sqrt(exact * (1 - exact) / number)
        assert float((found >= least).float().mean()) == pytest.approx(exact, abs=4 * spread)
    spread = math.sqrt(SETTINGS.bits / 4 / number)
    assert found.float().mean() == pytest.approx(SETTINGS.bits / 2, abs=4 * spread)
    assert found.float().var() == pytest.approx(SETTINGS.bits / 4, rel=0.15)


def test_inputs_that_were_moved_for_one_key_say_nothing_for_others(
    world: Small, pairs: Pairs, signed: Signed
) -> None:
    spelt = pairs.bits(world.protected, signed.moved)
    false = [
        chance(int((pairs.signature(key) == spelt).sum()), SETTINGS.bits) <= 0.05
        for key in keys(1000)
    ]
    assert sum(false) / len(false) < 0.05


def test_copies_spell_the_signature_and_strangers_do_not(world: Small, signed: Signed) -> None:
    assert signed.matches(world.protected) == SETTINGS.bits
    assert signed.p_value(world.protected) == 2.0**-SETTINGS.bits
    assert max(signed.p_value(copy) for copy in world.unseen_copies) < 1e-3
    assert min(signed.p_value(other) for other in world.unseen_others) > 0.05


def test_what_moves_the_owners_network_moves_strangers_too_unless_some_were_pushed_away(
    world: Small, pairs: Pairs, signed: Signed
) -> None:
    bare = sign(world.protected, pairs, KEY, SETTINGS, copies=world.copies, seed=1)

    def mean(one: Signed) -> float:
        return sum(one.matches(other) for other in world.unseen_others) / len(world.unseen_others)

    assert mean(bare) > mean(signed) + 3
    assert mean(bare) > SETTINGS.bits / 2
    assert mean(signed) <= SETTINGS.bits / 2


def test_the_signature_is_of_key_and_pairs_together(world: Small, pairs: Pairs) -> None:
    assert torch.equal(pairs.signature(KEY), pairs.signature(KEY))
    assert not torch.equal(pairs.signature(KEY), pairs.signature(b"l" * 32))
    second = pairs.second.clone()
    second[0, 0] = -second[0, 0]
    others = [
        Pairs(first=pairs.first, second=second, threshold=pairs.threshold, domain=DOMAIN),
        Pairs(first=pairs.first, second=pairs.second, threshold=0.5, domain=DOMAIN),
    ]
    for other in others:
        assert other.digest != pairs.digest
        assert not torch.equal(other.signature(KEY), pairs.signature(KEY))
    assert abs(int(pairs.bits(world.protected).sum()) - SETTINGS.bits // 2) <= 1
    assert not (pairs.first == pairs.second).all(1).any()


def test_longer_signatures_begin_no_pattern_anew(world: Small) -> None:
    long = draw_pairs(world.protected, 600, domain=DOMAIN, ordinary=world.data.inputs, seed=1)
    bits = long.signature(KEY)
    assert bits.shape == (600,)
    assert not torch.equal(bits[:256], bits[256:512])
    assert float(bits.float().mean()) == pytest.approx(0.5, abs=0.09)


def test_the_same_again_and_asked_as_stored(world: Small) -> None:
    levels = Domain(shape=(6,), lower=-1.0, upper=1.0, levels=16)
    found = []
    for _ in range(2):
        drawn = draw_pairs(world.protected, 8, domain=levels, ordinary=world.data.inputs, seed=3)
        short = Signing(bits=8, iterations=5)
        found.append(sign(world.protected, drawn, KEY, short, copies=world.copies, seed=3))
    assert torch.equal(found[0].moved, found[1].moved)
    assert torch.equal(levels.store(found[0].moved), found[0].moved)


def test_softmax_is_not_seen(world: Small, signed: Signed) -> None:
    def logarithms(inputs: Tensor) -> Tensor:
        logits: Tensor = world.protected(inputs)
        return logits.log_softmax(1)

    assert signed.matches(logarithms) == signed.matches(world.protected)


def test_what_is_no_classifier_is_refused(world: Small) -> None:
    one = Constant(torch.tensor([1.0]))
    with pytest.raises(ModelError, match="at least two classes, got outputs of shape"):
        draw_pairs(one, 4, domain=DOMAIN, ordinary=world.data.inputs, seed=1)
    square = Constant(torch.zeros(2, 2))
    with pytest.raises(ModelError, match="classifier"):
        draw_pairs(square, 4, domain=DOMAIN, ordinary=world.data.inputs, seed=1)


def test_bad_words_are_refused(world: Small, pairs: Pairs) -> None:
    with pytest.raises(UsageError, match="key of 32 bytes, got 3"):
        pairs.signature(b"abc")
    with pytest.raises(UsageError, match="at least two ordinary inputs, got 1"):
        draw_pairs(world.protected, 4, domain=DOMAIN, ordinary=world.data.inputs[:1], seed=1)
    with pytest.raises(UsageError, match="matches"):
        chance(5, 4)
    with pytest.raises(UsageError, match="false claims"):
        needed(5, 1.0)
    with pytest.raises(ModelError, match="gradients"):

        def closed(inputs: Tensor) -> Tensor:
            said: Tensor = world.protected(inputs.detach())
            return said

        sign(closed, pairs, KEY, SETTINGS, seed=1)
