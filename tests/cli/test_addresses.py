"""What cannot be reached is said before anything starts, in a sentence and with exit code 2."""

from pathlib import Path

import pytest

from sif.cli.addresses import check_addresses
from sif.errors import UsageError
from tests.cli.command import Run, assert_one_line

GOOD = "http://127.0.0.1:8000/v1#m"


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:99999/v1",
        "http://localhost:0/v1",
        "http://localhost:-1/v1",
        "http://localhost:port/v1",
        "http:///v1",
        "http://[::1/v1",
        "http://\u2488.example/v1",
        "http://xn--a\u0301\u0301-/v1",
        f"http://{'a' * 64}\u00e9.example/v1",
        "https://exa\x00mple/v1",
    ],
)
@pytest.mark.parametrize("before", ["", "openai:", "paraphrase:openai:", "turns:0.5@openai:"])
def test_an_address_that_can_be_none(address: str, before: str) -> None:
    with pytest.raises(UsageError, match="expected an address"):
        check_addresses(["verify", "fp", f"{before}{address}"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_PROXY", "ftp://proxy:1"),
        ("https_proxy", "http://proxy:99999"),
        ("ALL_PROXY", "http://me:hunter2@proxy:port"),
        ("SSL_CERT_FILE", "/nowhere/at/all.pem"),
        ("SSL_CERT_DIR", "/nowhere/at/all"),
    ],
)
def test_what_an_address_is_reached_through(
    sif: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    code, _, error = sif("verify", "fp", f"openai:{GOOD}")
    assert code == 2
    assert_one_line(error, name)
    assert "hunter2" not in error


def test_a_file_without_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "empty.pem"))
    with pytest.raises(UsageError, match="SSL_CERT_FILE"):
        check_addresses([GOOD])


def test_without_an_address_nothing_is_asked_of_the_network(monkeypatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/at/all.pem")
    monkeypatch.setenv("HTTP_PROXY", "nonsense://")
    check_addresses(["verify", "fp", "hf:model", "--label", "see http://x:99999 for more"])


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:8000/v1",
        "https://[::1]:8000/v1?max_tokens=3",
        "https://bücher.example",
        "HTTP://host",
        "http://me:pass@host/v1",
        "http://host:8000/predict?sif_key_env=NAME",
    ],
)
def test_what_may_be_reached_is_let_through(monkeypatch, address: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    monkeypatch.setenv("ALL_PROXY", "socks5h://me:pass@proxy:1080")
    check_addresses([f"openai:{address}#name", address])


def test_a_timestamp_authority_too(sif: Run, tmp_path: Path) -> None:
    code, _, error = sif("claim", "timestamp", tmp_path, "--tsa", "http://localhost:99999")
    assert code == 2
    assert_one_line(error, "99999")
    code, _, error = sif("claim", "timestamp", tmp_path, "--tsa=http://localhost:99999")
    assert code == 2
    assert_one_line(error, "99999")
