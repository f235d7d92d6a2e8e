"""What is read from a token and a request beyond what the verifier of timestamps says.

A token is a CMS SignedData (RFC 5652). Of its bytes only the signed ones are fixed by the
authority: certificates, algorithm names and unsigned attributes around them can be changed by
anybody, and the token still verifies. The value of the signature cannot.
"""

from asn1crypto import cms, tsp

from sif.errors import ClaimError


def signature_of(token: bytes) -> bytes:
    """The value of the only signature in a SignedData.

    Raises:
        ClaimError: not DER, not a SignedData, or not exactly one signature.
    """
    try:
        content = cms.ContentInfo.load(token, strict=True)["content"]
        if not isinstance(content, cms.SignedData):
            raise ClaimError("expected a timestamp token, got other content")
        signers = content["signer_infos"]
        values = [signer["signature"].native for signer in signers]
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise ClaimError("expected a timestamp token in DER, got something else") from error
    if len(values) != 1:
        raise ClaimError(f"expected one signature in the timestamp token, got {len(values)}")
    if not values[0]:
        raise ClaimError("expected the value of a signature in the timestamp token, got none")
    return bytes(values[0])


def nonce_of(request: bytes) -> int:
    """The nonce of a timestamp request.

    Raises:
        ClaimError: not a request with a nonce.
    """
    try:
        nonce = tsp.TimeStampReq.load(request, strict=True)["nonce"].native
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise ClaimError(
            "expected a timestamp request (RFC 3161) in DER, got something else"
        ) from error
    if nonce is None:
        raise ClaimError("expected a timestamp request (RFC 3161) with a nonce, got none")
    return int(nonce)
