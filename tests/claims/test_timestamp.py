"""Timestamps from a real authority, online and offline."""

import random
from pathlib import Path

import pytest

from sif.claims import Token, ask, load_roots, new_request
from sif.claims.anchor import anchor_of, lot_of
from sif.claims.der import nonce_of
from sif.errors import ClaimError, UsageError
from tests.claims.authority import Authority

DATA = b"something that was there"


@pytest.fixture(scope="module", params=["rsa", "curve"])
def issuer(request: pytest.FixtureRequest, authority: Authority, stranger: Authority) -> Authority:
    return authority if request.param == "rsa" else stranger


def test_a_token_over_http_is_checked_to_the_root(issuer: Authority) -> None:
    request = new_request(DATA)
    with issuer.serving() as url:
        token = Token.parse(ask(url, request))
    token.check_imprint(DATA)
    token.check_nonce(request)
    token.check_signature(DATA, load_roots([issuer.root]))


def test_other_bytes_another_request_and_another_root_are_refused(
    issuer: Authority, authority: Authority, stranger: Authority
) -> None:
    token = Token.parse(issuer.reply(new_request(DATA)))
    with pytest.raises(ClaimError, match="other bytes"):
        token.check_imprint(DATA + b".")
    with pytest.raises(ClaimError, match="nonce"):
        token.check_nonce(new_request(DATA))
    other = stranger if issuer is authority else authority
    for data, root in ((DATA, other.root), (DATA + b".", issuer.root)):
        with pytest.raises(ClaimError, match="not signed by an authority"):
            token.check_signature(data, load_roots([root]))


def test_a_certificate_that_is_not_for_timestamps_does_not_sign_them(issuer: Authority) -> None:
    token = Token.parse(issuer.reply(new_request(DATA)))
    token.check_signature(DATA, load_roots([issuer.root, issuer.root]))


def test_the_anchor_hangs_on_the_signature_alone(issuer: Authority) -> None:
    """Bytes around it can be changed by anybody, and the token still verifies."""
    response, roots = issuer.reply(new_request(DATA)), load_roots([issuer.root])
    anchor, free = anchor_of(Token.parse(response)), 0
    for place in range(len(response)):
        changed = bytearray(response)
        changed[place] ^= 1
        try:
            token = Token.parse(bytes(changed))
            token.check_signature(DATA, roots)
        except ClaimError as error:
            assert "\n" not in str(error)
            continue
        free += 1
        assert anchor_of(token) == anchor, place
    assert free > 0
    assert anchor_of(Token.parse(issuer.reply(new_request(DATA)))) != anchor


def test_rubbish_is_refused_in_one_line(authority: Authority) -> None:
    response, rng = authority.reply(new_request(DATA)), random.Random(0)
    rubbish = [b"", b"0", b"<html>busy</html>", response[:500], response + b"0"]
    rubbish += [rng.randbytes(rng.randrange(1, 200)) for _ in range(50)]
    for data in rubbish:
        with pytest.raises(ClaimError) as caught:
            Token.parse(data)
        assert "\n" not in str(caught.value)
        with pytest.raises(ClaimError):
            nonce_of(data)


# Computed by the reader of DER that was here before asn1crypto.
KNOWN = {
    "secret/anchor": (
        "c6764d9267a56ca80939e992f54f2c266d8af308b613599ec9f2e434058b5395",
        "c50b4bb09472404a2a03a3caf3db03288cced75732d6fad4ed4bf0c50bebcb60",
        13755326608228010087,
    ),
    "fingerprint/claim/timestamp": (
        "42a68e069cdf6ee602e21651cb217d71c5c21706c90b1aa08e047230a28b5688",
        "d59d4ddca920e2ad1d6ea8dd63064fc2beab4d30a24aa9f5e28ced2c666990a3",
        2506202079357403276,
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_anchor_lot_and_nonce_of_known_tokens(name: str) -> None:
    path = Path(__file__).parents[1] / "golden" / name
    token = Token.parse(path.with_suffix(".tsr").read_bytes())
    nonce = nonce_of(path.with_suffix(".tsq").read_bytes())
    assert (anchor_of(token).hex(), lot_of(token).hex(), nonce) == KNOWN[name]


def test_a_refusal_is_reported(authority: Authority) -> None:
    refusal = bytes.fromhex("30053003020102")
    with pytest.raises(ClaimError, match="status 2"):
        Token.parse(refusal)


def test_an_authority_that_cannot_be_reached_is_one_line() -> None:
    with pytest.raises(ClaimError, match="cannot get a timestamp"):
        ask("http://127.0.0.1:9/tsr", new_request(DATA))
    for url in ("file:///etc/passwd", "ftp://x", "nonsense"):
        with pytest.raises(UsageError, match="http or https"):
            ask(url, new_request(DATA))
