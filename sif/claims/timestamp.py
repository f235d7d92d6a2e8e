"""Timestamps of RFC 3161: an authority's signed word that bytes were there at a time.

Works online (`ask`) and offline (`new_request`, and `Token.parse` of what came back). A token is
trusted only under root certificates that are given; nothing is downloaded, and revocation is not
looked up. Knows nothing of what is stamped.
"""

import datetime
import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from sif.claims.der import nonce_of, signature_of
from sif.errors import ClaimError, UsageError

SHA256_OID: Final = "2.16.840.1.101.3.4.2.1"
LONGEST: Final = 1 << 20
PATIENCE_SECONDS: Final = 60.0
CLOCK_SECONDS: Final = 60.0
"""By which the clocks of an authority and of whoever asks may differ."""


@dataclass(frozen=True, eq=False)
class Token:
    """An authority's response that grants a timestamp, not yet trusted.

    Attributes:
        response: as it was decoded.
        time: when the bytes were there.
        signature: the value of the authority's signature.
    """

    response: TimeStampResponse
    time: datetime.datetime
    signature: bytes

    @classmethod
    def parse(cls, data: bytes) -> "Token":
        """Reads a response (.tsr).

        Raises:
            ClaimError: no response, a refusal, or no token with one signature.
        """
        try:
            response = decode_timestamp_response(data)
            status, words = response.status, list(response.status_string)
            if status == 0:
                token = response.time_stamp_token()
                return cls(response, response.tst_info.gen_time, signature_of(token))
        except ValueError as error:
            raise ClaimError(
                "expected a timestamp response (RFC 3161, DER), got something else: "
                f"{str(error).splitlines()[0][:120]}"
            ) from error
        said = f" ({'; '.join(words)[:120]})" if words else ""
        raise ClaimError(f"the timestamp authority refused with status {status}{said}")

    def check_imprint(self, data: bytes) -> None:
        """Makes sure that the token is about these bytes.

        Raises:
            ClaimError: it is about others.
        """
        imprint = self.response.tst_info.message_imprint
        algorithm = imprint.hash_algorithm.dotted_string
        if algorithm != SHA256_OID or imprint.message != hashlib.sha256(data).digest():
            raise ClaimError("the timestamp is over other bytes than these")

    def check_nonce(self, request: bytes) -> None:
        """Makes sure that the token answers this request.

        Raises:
            ClaimError: it answers another, or the request cannot be read.
        """
        if self.response.tst_info.nonce != nonce_of(request):
            raise ClaimError("the timestamp answers another request: its nonce is not ours")

    def check_signature(self, data: bytes, roots: Sequence[Certificate]) -> None:
        """Makes sure that an authority under one of these roots signed it, over these bytes.

        Raises:
            ClaimError: it did not.
        """
        builder = VerifierBuilder()
        for root in dict.fromkeys(roots):
            builder = builder.add_root_certificate(root)
        try:
            builder.build().verify_message(self.response, data)
        except (VerificationError, ValueError) as error:
            raise ClaimError(
                "the timestamp is not signed by an authority under the given root certificates: "
                f"{str(error).splitlines()[0][:120]}"
            ) from error


def new_request(data: bytes) -> bytes:
    """A request (.tsq) for a timestamp over the SHA-256 of some bytes, with a random nonce."""
    builder = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256)
    return builder.build().as_bytes()


def ask(url: str, request: bytes) -> bytes:
    """An authority's response to a request, over HTTP.

    Raises:
        UsageError: not an http or https URL.
        ClaimError: it cannot be reached, or answers otherwise.
    """
    if not url.lower().startswith(("http://", "https://")):
        raise UsageError("expected the http or https URL of a timestamp authority with --tsa")
    headers = {"Content-Type": "application/timestamp-query"}
    try:
        posted = urllib.request.Request(url, data=request, headers=headers, method="POST")
        with urllib.request.urlopen(posted, timeout=PATIENCE_SECONDS) as answer:
            return bytes(answer.read(LONGEST))
    except (urllib.error.URLError, OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ClaimError(
            f"cannot get a timestamp from {url}: {reason}; try again, name another authority, or "
            "write the request with --request and bring its response with --response"
        ) from error


def load_roots(paths: Sequence[Path]) -> tuple[Certificate, ...]:
    """Root certificates from PEM files, each with one or more.

    Raises:
        ClaimError: a file without any.
    """
    roots: list[Certificate] = []
    for path in paths:
        try:
            roots += load_pem_x509_certificates(path.read_bytes())
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it holds none"
            raise ClaimError(
                f"expected root certificates (PEM) of a timestamp authority in {path}: {reason}"
            ) from error
    return tuple(roots)
