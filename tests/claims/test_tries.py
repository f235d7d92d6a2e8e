"""What a claimant could have chosen among, by what was drawn from what."""

from math import log10

import pytest

from sif.claims.tries import Tries, tries_of


@pytest.mark.parametrize("tokens", [1.0, 2.0, 3.0, 10.0, 1e7])
def test_no_split_of_the_tokens_gives_more_pairs_than_are_taken_off(tokens: float) -> None:
    found = tries_of(anchored=True, order="timestamp", secrets=1.0, tokens=tokens)
    whole = int(min(tokens, 1000))
    most = max(max(one, 1) * max(whole - one, 1) for one in range(whole + 1))
    if tokens <= 1000:
        assert 10**found.independence >= most - 1e-9
    assert found.transfer == log10(tokens)
    assert found.independence >= found.transfer


def test_what_is_not_drawn_is_not_taken_off() -> None:
    known = {"secrets": 2.0**40, "tokens": 1e7}
    assert tries_of(anchored=True, order="maker", **known) == Tries(7.0, 7.0)
    secret = log10(2.0**40)
    assert tries_of(anchored=False, order="maker", **known) == Tries(secret, secret)
    assert tries_of(anchored=False, order="secret", **known) == Tries(secret, secret)
    assert tries_of(anchored=True, order="secret", **known) == Tries(7.0, secret)
    assert tries_of(anchored=False, order="timestamp", **known) == pytest.approx(
        (secret + 7.0, 7.0)
    )
    assert Tries(1.0, 2.0).times(0.5) == Tries(1.5, 2.5)
