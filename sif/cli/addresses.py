"""Addresses on a command line and what they are reached through, looked at before anything starts.

A port that there is not, a name that no host can have, a proxy or a file of certificates that the
environment names wrongly: libraries find them late and say little. Opens no connection.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sif.errors import UsageError
from sif.visible import quoted, visible

# An address, or one behind the scheme of a suspect or the name of an attack.
ADDRESS: Final = re.compile(r"(?:--[\w-]+=)?(?:[\w.@=+-]*:)*?(https?://\S+)", re.IGNORECASE)
PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
PROXY_SCHEMES: Final = ("http", "https", "socks5", "socks5h")
CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
EXAMPLE: Final = "http://localhost:8000/v1"


def check_addresses(words: Sequence[str]) -> None:
    """Makes sure that every address among the words of a command line can be one.

    Raises:
        UsageError: one cannot, or what it is reached through is not there.
    """
    found = [match[1] for word in words if (match := ADDRESS.fullmatch(word.strip()))]
    for address in found:
        _check(address.partition("#")[0], "an address", f"write for example {EXAMPLE}")
    if found:
        _check_proxies(os.environ)
        _check_certificates(os.environ)


def _check(address: str, what: str, mend: str) -> str:
    """Gives the scheme of an address."""
    import httpx

    try:
        parts = httpx.URL(address)
        host, scheme = parts.host, parts.scheme
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        words = visible(str(error), longest=100)
        raise UsageError(f"expected {what}, got {_told(address)}: {words}; {mend}") from error
    if not host or (parts.port is not None and not 1 <= parts.port <= 65535):
        reason = "ports go from 1 to 65535" if host else "it names no host"
        raise UsageError(f"expected {what}, got {_told(address)}: {reason}; {mend}")
    return scheme


def _told(address: str) -> str:
    """An address for a message: without its name and password, and without what it asks for."""
    return quoted(re.sub(r"//[^/@]*@", "//…@", address.partition("?")[0]))


def _check_proxies(environment: Mapping[str, str]) -> None:
    for name in (*PROXIES, *map(str.lower, PROXIES)):
        address = environment.get(name)
        if not address:
            continue
        whole = address if "://" in address else f"http://{address}"
        mend = "correct the variable or unset it"
        if _check(whole, f"a proxy in {name}", mend) not in PROXY_SCHEMES:
            raise UsageError(
                f"expected a proxy in {name} with {', '.join(PROXY_SCHEMES)}, got "
                f"{_told(whole)}; {mend}"
            )


def _check_certificates(environment: Mapping[str, str]) -> None:
    import ssl

    for name, kind in zip(CERTIFICATES, ("cafile", "capath"), strict=True):
        place = environment.get(name)
        if not place:
            continue
        try:
            if kind == "capath":
                list(Path(place).iterdir())
            else:
                ssl.create_default_context(cafile=place)
        except (OSError, ValueError) as error:
            words = visible(str(error), longest=100)
            raise UsageError(
                f"expected certificates (PEM) where {name} points, {quoted(place)}: {words}; "
                "correct the variable or unset it"
            ) from error
