"""One request to a server that nobody trusts: time, body and redirects are bounded.

What comes back is a value, the body or the failure; nothing raises for what a server does. Headers
are bounded by the HTTP library, at 100 KB. Knows nothing of what is asked.
"""

import asyncio
import email.utils
import os
import ssl
import threading
import time
import urllib.parse
import urllib.request
import zlib
from collections.abc import Awaitable, Callable
from enum import StrEnum
from functools import cache, partial
from typing import Final, NamedTuple

import httpx
from h11 import ProtocolError

from sif.errors import UsageError
from sif.http.refusal import is_about_quota, one_line, without_key, words_of

PASSING: Final = (408, 409, 425, 429)
# A client that cannot be served now or ever; another key, address or payment mends it.
HOPELESS: Final = (401, 402, 403, 404)
# Not implemented, HTTP version not supported, network authentication required.
LASTING: Final = (501, 505, 511)
REDIRECTS: Final = (301, 302, 307, 308)
HOPS: Final = 3
COMPLAINT_BYTES: Final = 65_536
PACKED: Final = {"": None, "identity": None, "gzip": 31, "x-gzip": 31, "deflate": 47}
_READING: Final = threading.Lock()
UNLIMITED: Final = httpx.Limits(max_connections=None, max_keepalive_connections=None)
JSON: Final = {"content-type": "application/json"}
BEARER: Final = "Bearer "
HEAVY: Final = 65_536
"""Bytes beyond which a reply is one of which few should be in memory at a time."""
Heavy = Callable[[], Awaitable[object]]
HEADERS: Final = {"accept": "application/json", "accept-encoding": "identity"}


class Kind(StrEnum):
    """What a failure means for asking again."""

    PASSING = "it may be over soon"
    LASTING = "the same question would fail again"
    HOPELESS = "every question would"
    NOBODY = "there was no connection, but there may be one soon"


class Failure(NamedTuple):
    """No body came, and why.

    Attributes:
        reason: in one line.
        kind: whether to ask again.
        status: of HTTP, where one came.
        complaint: the body of the refusal, as far as it was read.
        pause: seconds that the server asks to wait.
    """

    reason: str
    kind: Kind
    status: int | None = None
    complaint: str = ""
    pause: float = 0.0


TOO_SLOW: Final = Failure("no answer within the time limit", Kind.PASSING)


class Limits(NamedTuple):
    """What one request may take.

    Attributes:
        seconds: from connecting to the last byte.
        body: bytes once unpacked.
        more: how the user can allow more bytes, in words.
    """

    seconds: float
    body: int
    more: str


def open_client(key: str | None) -> httpx.AsyncClient:
    """A client that obeys the environment's proxies and certificates.

    Args:
        key: sent as a bearer token; none is where it is None.

    Raises:
        UsageError: the key, a proxy or a file of certificates in the environment cannot be used.
    """
    if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
        raise UsageError(
            "expected a key of plain ASCII letters, digits and signs, got one with other "
            "characters, which no HTTP header takes; copy it anew"
        )
    headers = HEADERS if key is None else HEADERS | {"authorization": f"{BEARER}{key}"}
    context = _certificates(*map(os.environ.get, ("SSL_CERT_FILE", "SSL_CERT_DIR")))
    try:
        for proxy in urllib.request.getproxies().values():
            _ = urllib.parse.urlsplit(proxy).port
        return httpx.AsyncClient(headers=headers, timeout=None, verify=context, limits=UNLIMITED)
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise UsageError(
            "expected proxies such as http://127.0.0.1:3128 in HTTP_PROXY, HTTPS_PROXY, ALL_PROXY "
            f"and host names in NO_PROXY, got something else ({_without_urls(error)}); mend or "
            "unset them"
        ) from error


def _certificates(file: str | None, folder: str | None) -> ssl.SSLContext:
    """Those of this machine, read once however many ask at the same time."""
    with _READING:
        return _read_certificates(file, folder)


@cache
def _read_certificates(file: str | None, folder: str | None) -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context()
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise UsageError(
            "expected certificates in PEM form at SSL_CERT_FILE or SSL_CERT_DIR, got "
            f"{file or folder!r}: {one_line(str(error))}; mend or unset the variable"
        ) from error


async def request(
    client: httpx.AsyncClient,
    url: str,
    content: bytes | None,
    limits: Limits,
    heavy: Heavy | None = None,
) -> bytes | Failure:
    """The body of the answer to one request, or why there is none.

    Args:
        client: of `open_client`.
        url: where to; redirects are followed on the same host only.
        content: JSON, to be posted; None to get what is there.
        limits: beyond which it is given up.
        heavy: is waited for once before more than `HEAVY` bytes of a reply are read; that takes
            nothing of the time limit.

    A failure does not hold the client's key, whichever part of a reply repeats it.
    """
    outcome = await _outcome(client, url, content, limits, heavy)
    if outcome is TOO_SLOW or not isinstance(outcome, Failure):
        return outcome
    key = client.headers.get("authorization", "").removeprefix(BEARER)
    return outcome._replace(
        reason=without_key(outcome.reason, key), complaint=without_key(outcome.complaint, key)
    )


async def _outcome(
    client: httpx.AsyncClient,
    url: str,
    content: bytes | None,
    limits: Limits,
    heavy: Heavy | None,
) -> bytes | Failure:
    try:
        place = httpx.URL(url)
    except httpx.InvalidURL as error:
        return Failure(f"no address that can be asked: {_cause(error)}", Kind.HOPELESS)
    try:
        async with asyncio.timeout(limits.seconds) as clock:
            patient = None if heavy is None else partial(_outside, clock, heavy)
            return await _follow(client, place, content, limits, patient)
    except (TimeoutError, httpx.TimeoutException):
        return TOO_SLOW
    except (httpx.ConnectError, httpx.ProxyError) as error:
        return _no_connection(error)
    except httpx.RemoteProtocolError as error:
        broken = any(word in str(error) for word in ("disconnected", "peer closed"))
        what = "the connection failed" if broken else "malformed reply: no HTTP"
        return Failure(f"{what}: {_cause(error)}", Kind.PASSING if broken else Kind.LASTING)
    except (httpx.TransportError, OSError) as error:
        return Failure(f"the connection failed: {_cause(error)}", Kind.PASSING)
    except zlib.error as error:
        return Failure(f"malformed reply: {one_line(str(error))}", Kind.LASTING)
    # Of an odd status line or header the HTTP libraries also raise what is none of their own.
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, ProtocolError) as error:
        return Failure(f"malformed reply: {_cause(error)}", Kind.LASTING)


async def _outside(clock: asyncio.Timeout, wait: Heavy) -> None:
    """Waits while the clock stands still."""
    ends, began = clock.when(), asyncio.get_running_loop().time()
    clock.reschedule(None)
    await wait()
    if ends is not None:
        clock.reschedule(ends + asyncio.get_running_loop().time() - began)


async def _follow(
    client: httpx.AsyncClient,
    place: httpx.URL,
    content: bytes | None,
    limits: Limits,
    heavy: Heavy | None,
) -> bytes | Failure:
    method, headers = ("GET", {}) if content is None else ("POST", JSON)
    for _ in range(HOPS + 1):
        async with client.stream(method, place, content=content, headers=headers) as response:
            if response.status_code in REDIRECTS and "location" in response.headers:
                led = place.join(response.headers["location"])
                if not _same_host(place, led):
                    return Failure(
                        f"redirected to another host, {one_line(led.host or str(led))!r}, which "
                        "is not asked; name that address if it is meant",
                        Kind.HOPELESS,
                    )
                place = led
                continue
            if response.is_success:
                return await _read(response, limits, heavy)
            return await _refused(response)
    return Failure(f"redirected more than {HOPS} times", Kind.LASTING)


def _same_host(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether a key may follow from one address to the other: the same server, or its safe door."""
    if one.host != other.host:
        return False
    ports = [place.port or {"http": 80, "https": 443}.get(place.scheme) for place in (one, other)]
    doors = (one.scheme, other.scheme)
    return (doors[0] == doors[1] and ports[0] == ports[1]) or (
        doors == ("http", "https") and (ports == [80, 443] or ports[0] == ports[1])
    )


async def _read(response: httpx.Response, limits: Limits, heavy: Heavy | None) -> bytes | Failure:
    """The unpacked body; a failure as soon as it is seen to be too large."""
    most = limits.body
    packing = response.headers.get("content-encoding", "").strip().lower()
    if packing not in PACKED:
        return Failure(
            f"malformed reply: packed as {one_line(packing)!r}, which was not asked for",
            Kind.LASTING,
        )
    window = PACKED[packing]
    unpack = None if window is None else zlib.decompressobj(window)
    body, came = bytearray(), 0
    async for chunk in response.aiter_raw():
        came += len(chunk)
        body += chunk if unpack is None else unpack.decompress(chunk, most + 1 - len(body))
        if max(len(body), came) > most:
            return Failure(
                f"a reply of more than {most / 2**20:g} MB, the most that is read; {limits.more}",
                Kind.LASTING,
            )
        if heavy is not None and len(body) > HEAVY:
            await heavy()
            heavy = None
    return bytes(body)


async def _refused(response: httpx.Response) -> Failure:
    status = response.status_code
    body = await _beginning(response)
    text = body.decode("utf-8", "replace")
    words = one_line(words_of(text)) or one_line(response.reason_phrase)
    kind = Kind.LASTING
    if status in HOPELESS or (status == 429 and is_about_quota(text)):
        kind = Kind.HOPELESS
    elif status in PASSING or (status >= 500 and status not in LASTING):
        kind = Kind.PASSING
    reason = f"HTTP {status}: {words}" if words else f"HTTP {status}"
    return Failure(reason, kind, status, text, _pause(response.headers.get("retry-after", "")))


async def _beginning(response: httpx.Response) -> bytes:
    """As much of the body as a complaint takes; a damaged one is as good as it came."""
    window = PACKED.get(response.headers.get("content-encoding", "").strip().lower())
    unpack = None if window is None else zlib.decompressobj(window)
    body, came = bytearray(), 0
    try:
        async for chunk in response.aiter_raw():
            came += len(chunk)
            room = COMPLAINT_BYTES - len(body)
            body += chunk[:room] if unpack is None else unpack.decompress(chunk, room)
            if max(came, len(body)) >= COMPLAINT_BYTES:
                break
    except (httpx.TransportError, zlib.error, OSError):
        return bytes(body)
    return bytes(body)


def _pause(asked: str) -> float:
    """Seconds that `Retry-After` asks for, as a number or as a date; 0 where it says neither."""
    try:
        if asked.isascii() and asked.isdigit():
            return float(asked[:9])
        return max(0.0, email.utils.parsedate_to_datetime(asked).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError, OSError, IndexError):
        return 0.0


def _no_connection(error: httpx.TransportError) -> Failure:
    """Nobody there, or somebody whose certificate is wrong, which no other attempt mends."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return Failure(f"no safe connection: {one_line(str(seen))}", Kind.HOPELESS)
        seen = seen.__cause__ or seen.__context__
    return Failure(f"the connection failed: {_cause(error)}", Kind.NOBODY)


def _cause(error: BaseException) -> str:
    return one_line(str(error.__cause__ or error)) or type(error).__name__


def _without_urls(error: BaseException) -> str:
    """A message without what may hold a password."""
    return one_line(" ".join(word for word in str(error).split() if "@" not in word))
