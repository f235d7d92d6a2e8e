"""Secrets that are timestamped before their keys exist."""

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from sif.claims import Token, new_request
from sif.claims.anchor import (
    Beforehand,
    anchor_of,
    begin,
    check_model,
    finish,
    parse_salt,
    words_sha256,
)
from sif.errors import ClaimError, StorageError, UsageError
from sif.fingerprint.segmenter import tokenizer_json
from sif.watermark.keys import KeyRing
from tests.claims.authority import Authority
from tools.time_audit import build_tokenizer, make_up

SECRET, ANCHOR = bytes(range(32)), bytes(range(32, 64))


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer(500)


def test_anchored_keys_are_as_the_text_says() -> None:
    ring = KeyRing(SECRET, anchor=ANCHOR)
    expected = hmac.digest(SECRET, b"sif green key 2\x00" + ANCHOR + b"0001", "sha256")
    assert ring.key("0001") == expected
    assert ring.key("0001").hex() == (
        "4617425b662787d7bbc09b721fd4d99e7b4cd1b8773e59b5e0f583ecfaa80bc7"
    )
    assert KeyRing(SECRET).key("0001") != expected
    assert KeyRing(SECRET).anchored(ANCHOR) == ring != KeyRing(SECRET)


def test_the_sealed_secret_is_as_the_text_says_and_knows_no_anchor() -> None:
    salt = bytes(32)
    digest = hashlib.sha256(b"sif secret commitment 1\x00" + salt + SECRET).hexdigest()
    assert KeyRing(SECRET).sealed(salt) == digest
    assert KeyRing(SECRET, anchor=ANCHOR).sealed(salt) == digest
    assert KeyRing(SECRET).sealed(ANCHOR) != digest


def test_an_anchored_key_file_is_read_back(tmp_path: Path) -> None:
    ring = KeyRing(SECRET, anchor=ANCHOR)
    ring.save(tmp_path / "secret.key")
    assert KeyRing.load(tmp_path / "secret.key") == ring
    assert "hidden" in repr(ring)
    with pytest.raises(UsageError, match="anchor of 32 bytes"):
        KeyRing(SECRET, anchor=b"short")


def test_a_secret_has_keys_only_once_it_is_timestamped(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, authority: Authority
) -> None:
    folder = tmp_path / "secret"
    response = authority.reply(begin(folder, tokenizer, gamma=0.5))
    assert not (folder / "secret.key").exists()
    assert (folder / "unanchored.key").stat().st_mode & 0o777 == 0o600
    fixed = Beforehand.parse((folder / "beforehand.json").read_bytes())
    keys = finish(folder, Token.parse(response), response)
    assert KeyRing.load(folder / "secret.key") == keys
    assert keys.anchor == anchor_of(Token.parse(response))
    assert not (folder / "unanchored.key").exists()
    salt = parse_salt((folder / "salt.key").read_bytes(), where="salt")
    assert fixed.secret_commitment == keys.sealed(salt)
    public = (folder / "beforehand.json").read_bytes() + (folder / "anchor.tsr").read_bytes()
    secret = (folder / "secret.key").read_text().split("\n")[1]
    assert secret.encode() not in public
    assert bytes.fromhex(secret) not in public
    with pytest.raises(ClaimError, match="anchored already"):
        finish(folder, Token.parse(response), response)
    with pytest.raises(ClaimError, match="never replaced"):
        begin(folder, tokenizer, gamma=0.5)


def test_a_token_for_something_else_gives_no_keys(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, authority: Authority
) -> None:
    folder = tmp_path / "secret"
    begin(folder, tokenizer, gamma=0.5)
    same = (folder / "beforehand.json").read_bytes()
    for data, word in ((b"else", "other bytes"), (same, "nonce")):
        response = authority.reply(new_request(data))
        with pytest.raises(ClaimError, match=word):
            finish(folder, Token.parse(response), response)
    assert not (folder / "secret.key").exists()


def test_nothing_is_finished_that_was_not_begun(tmp_path: Path, authority: Authority) -> None:
    response = authority.reply(new_request(b"x"))
    with pytest.raises(ClaimError, match="sif claim secret"):
        finish(tmp_path / "nowhere", Token.parse(response), response)


def test_what_version_1_fixed_holds_for_the_one_file(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    """A secret of before still serves a fingerprint that is made now."""
    tokenizer.save_pretrained(tmp_path / "saved")
    fixed = Beforehand(
        schema_version=1,
        secret_commitment="0" * 64,
        words_sha256=words_sha256(tmp_path / "saved", tokenizer.all_special_ids),
        vocabulary_size=500,
        gamma=0.5,
    )
    fixed.check(make_up(tmp_path / "fp", triggers=1, vocabulary_size=500))
    (tmp_path / "beforehand.json").write_text(fixed.model_dump_json(exclude_none=True))
    check_model(tmp_path / "secret.key", tokenizer, gamma=0.5)
    other = build_tokenizer(500, seed=1)
    with pytest.raises(ClaimError, match="got others"):
        check_model(tmp_path / "secret.key", other, gamma=0.5)
    with pytest.raises(ClaimError, match="tokenizer is not the one"):
        fixed.check(make_up(tmp_path / "other", triggers=1, vocabulary_size=500, seed=1))


def test_a_secret_is_for_the_bytes_of_one_tokenizer(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    begin(tmp_path / "secret", tokenizer, gamma=0.5)
    fixed = Beforehand.parse((tmp_path / "secret" / "beforehand.json").read_bytes())
    data = tokenizer_json(tokenizer)
    assert fixed.schema_version == 3
    assert fixed.tokenizer_json_sha256 == hashlib.sha256(data).hexdigest()
    secret = tmp_path / "secret" / "secret.key"
    check_model(secret, tokenizer, gamma=0.5)
    with pytest.raises(ClaimError, match="got others"):
        check_model(secret, build_tokenizer(500, seed=1), gamma=0.5)
    with pytest.raises(ClaimError, match="got others"):
        check_model(secret, tokenizer, gamma=0.25)


@pytest.mark.parametrize(
    ("version", "digests"),
    [
        (1, {"tokenizer_json_sha256": "0"}),
        (2, {"words_sha256": "0"}),
        (2, {"words_sha256": "0", "tokenizer_json_sha256": "0"}),
        (2, {}),
        (2, {"tokenizer_json_sha256": "0", "seeds": 4, "seeds_root": "0"}),
        (3, {"tokenizer_json_sha256": "0"}),
        (3, {"tokenizer_json_sha256": "0", "seeds": 4}),
        (3, {"tokenizer_json_sha256": "0", "seeds": 0, "seeds_root": "0"}),
        (3, {"tokenizer_json_sha256": "0", "seeds": 10_000, "seeds_root": "0"}),
        (4, {"tokenizer_json_sha256": "0", "seeds": 4, "seeds_root": "0"}),
    ],
)
def test_every_version_has_its_own_digest(version: int, digests: dict[str, str]) -> None:
    content = {"secret_commitment": "0", "vocabulary_size": 5, "gamma": 0.5, **digests}
    with pytest.raises(ClaimError, match="version 1, 2 or 3"):
        Beforehand.parse(json.dumps({"schema_version": version, **content}).encode())


@pytest.mark.parametrize("content", [b"", b"{", json.dumps({"schema_version": 2}).encode()])
def test_another_version_of_what_was_fixed_is_refused(content: bytes) -> None:
    with pytest.raises(ClaimError, match="version 1") as caught:
        Beforehand.parse(content)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"ab\n", b"x" * 64, b"0" * 64, b"0" * 64 + b"\n\n"])
def test_a_salt_is_one_line_of_64_digits(content: bytes) -> None:
    with pytest.raises(ClaimError, match="64 hex digits"):
        parse_salt(content, where="salt.key")


def test_an_unreadable_key_file_is_still_refused() -> None:
    for text in ("", "sif-key-ring 2\n" + "0" * 64, "sif-key-ring 2\n" + "0" * 64 + "\nxyz\n"):
        with pytest.raises(StorageError, match="expected"):
            KeyRing.parse(text, where="it")


def test_the_digest_of_words_knows_numbers_and_specials_but_no_use(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    def digest(name: str, made: PreTrainedTokenizerFast) -> str:
        made.save_pretrained(tmp_path / name)
        return words_sha256(tmp_path / name, made.all_special_ids)

    before = digest("before", tokenizer)
    used = build_tokenizer(500)
    used.pad_token = used.eos_token
    used(["a", "b a"], padding=True, truncation=True, max_length=2)
    files = [(tmp_path / name / "tokenizer.json").read_bytes() for name in ("before",)]
    assert digest("used", used) == before
    assert (tmp_path / "used" / "tokenizer.json").read_bytes() not in files
    assert digest("other", build_tokenizer(500, seed=1)) != before
    assert words_sha256(tmp_path / "before", [0, 1]) != before


def test_a_tokenizer_of_other_files_has_a_digest_of_these(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("a\nb\n")
    (tmp_path / "tokenizer_config.json").write_text("{}")
    before = words_sha256(tmp_path, [0])
    (tmp_path / "tokenizer_config.json").write_text('{"is_local": true}')
    assert words_sha256(tmp_path, [0]) == before
    (tmp_path / "vocab.txt").write_text("b\na\n")
    assert words_sha256(tmp_path, [0]) != before
    (tmp_path / "tokenizer.json").write_text("[")
    with pytest.raises(ClaimError, match="expected JSON"):
        words_sha256(tmp_path, [0])
