"""A real time-stamping authority (RFC 3161) of one's own: openssl behind a loopback server."""

import contextlib
import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

CONFIGURATION = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[stamp]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = tsa_1
[tsa_1]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = no
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


class Authority:
    """Root and signing certificate in a folder.

    Attributes:
        root: the root certificate, PEM.
    """

    def __init__(self, folder: Path, *, name: str = "Tests", curve: bool = False) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("needs the openssl command for a time-stamping authority")
        self.folder = folder
        self.root = folder / "root.pem"
        folder.mkdir(parents=True)
        (folder / "serial").write_text("01\n")
        (folder / "openssl.cnf").write_text(CONFIGURATION.format(folder=folder, name=name))
        kind = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if curve else ["rsa:2048"]
        common = ["-config", folder / "openssl.cnf", "-nodes", "-newkey", *kind]
        self._openssl(
            *("req", "-x509", "-days", "30", "-extensions", "root", *common),
            *("-keyout", folder / "root.key", "-out", self.root),
        )
        self._openssl(
            *("req", *common, "-subj", f"/CN={name} TSA"),
            *("-keyout", folder / "tsa.key", "-out", folder / "tsa.csr"),
        )
        self._openssl(
            *("x509", "-req", "-in", folder / "tsa.csr", "-CA", self.root, "-days", "30"),
            *("-CAkey", folder / "root.key", "-set_serial", "7", "-extensions", "stamp"),
            *("-extfile", folder / "openssl.cnf", "-out", folder / "tsa.pem"),
        )

    def reply(self, request: bytes) -> bytes:
        """The answer to a request, as it goes over the wire."""
        query, answer = self.folder / "query.tsq", self.folder / "answer.tsr"
        query.write_bytes(request)
        self._openssl(
            *("ts", "-reply", "-config", self.folder / "openssl.cnf"),
            *("-queryfile", query, "-out", answer),
        )
        return answer.read_bytes()

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """A URL at which it answers."""
        authority = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = authority.reply(body)
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/tsr"
            finally:
                server.shutdown()
                thread.join()

    def _openssl(self, *arguments: str | Path) -> None:
        outcome = subprocess.run(
            ["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60
        )
        assert outcome.returncode == 0, outcome.stderr
