"""What an endpoint may do, and that it gets no further than one question.

All behaviours are asked by one child, whose memory and standard error are looked at too.
"""

import datetime
import json
import os
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sif.errors import SuspectError
from sif.suspects.connect import connect
from sif.types import Answer
from tests.suspects.hostile import ANSWERED, BEHAVIOURS, GOOD, Server, bomb, serving
from tests.suspects.questions import questions

ROOT = Path(__file__).parent.parent.parent
MOST_MEGABYTES = 300
SLACK_SECONDS = 10


@pytest.fixture(scope="module")
def child() -> dict[str, Any]:
    for window in (31, 15):
        bomb(window)
    with serving() as server:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "tests.suspects.ask_hostile", str(server.port)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": "sk-hunter2"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) | {"stderr": done.stderr}


def test_there_are_no_fewer_behaviours_than_were_seen() -> None:
    assert len(BEHAVIOURS) >= 112


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_every_question_is_answered_or_has_its_reason(child: dict[str, Any], name: str) -> None:
    expected, came = BEHAVIOURS[name].expected, child["came"][name]["came"]
    if expected == ANSWERED:
        assert came == [["answer", GOOD]] * 2
        return
    assert came
    for kind, words in came:
        assert words.startswith("not asked") or re.search(expected, words), words
        assert kind == "answer" or words.isprintable()
        assert "hunter2" not in words
        assert len(words) < 500


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_no_question_is_held_beyond_its_deadline(child: dict[str, Any], name: str) -> None:
    deadline = re.search(r"deadline=([\d.]+)", BEHAVIOURS[name].options)
    assert deadline is not None
    assert child["came"][name]["seconds"] < 2 * float(deadline[1]) + SLACK_SECONDS


def test_memory_is_bounded_and_nothing_is_left_lying(child: dict[str, Any]) -> None:
    assert child["kilobytes"] < MOST_MEGABYTES * 1024
    assert "Traceback" not in child["stderr"]
    assert "hunter2" not in child["stderr"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an authority that nobody trusts, for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


@pytest.fixture
def safe(certificate: Path) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(context) as server:
        yield server


def test_a_certificate_of_nobody_is_refused_at_once(safe: Server) -> None:
    began = time.monotonic()
    with pytest.raises(SuspectError, match=r"no safe connection: .*; check the certificate"):
        connect(f"openai:https://localhost:{safe.port}/same%20host%20too/v1#m").ask(questions(2))
    assert time.monotonic() - began < SLACK_SECONDS


def test_a_certificate_that_the_user_trusts_is_taken_for_its_host_only(
    safe: Server, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    uri = f"openai:https://localhost:{safe.port}/same%20host%20too/v1#m"
    assert [type(reply) for reply in connect(uri).ask(questions(2))] == [Answer] * 2
    with pytest.raises(SuspectError, match="no safe connection"):
        connect(uri.replace("localhost", "127.0.0.1")).ask(questions(1))


def test_a_safe_connection_to_a_server_that_has_none_is_refused() -> None:
    with serving() as server, pytest.raises(SuspectError, match="no safe connection"):
        connect(f"openai:https://localhost:{server.port}/same%20host%20too/v1#m").ask(questions(1))


def test_a_plain_connection_to_a_safe_server_is_one_line(safe: Server) -> None:
    uri = f"openai:http://localhost:{safe.port}/same%20host%20too/v1#m?attempts=1"
    with pytest.raises(SuspectError, match="nobody answers") as caught:
        replies = connect(uri).ask(questions(1))
        raise SuspectError(f"nobody answers: {replies[0]}")
    assert "\n" not in str(caught.value)
