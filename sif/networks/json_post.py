"""JSON over HTTP with limits: to the size of an answer and to the time of a whole exchange.

A server may drip a byte a minute, send gigabytes, or pack them small; what it says is a stranger's,
and is shown without control characters and not at length. Knows nothing of networks.
"""

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from sif.event_loop import run_to_end
from sif.vlm.plain_words import shown

if TYPE_CHECKING:
    import httpx

LARGEST: Final = 64 * 2**20
LARGEST_REFUSAL: Final = 2**16
LONGEST_SHOWN: Final = 400
PLAIN: Final = "identity"


class RefusedError(Exception):
    """A status that is no success.

    Args:
        status: of the reply.
        words: in its body, fit to be shown; empty where there are none.
    """

    def __init__(self, status: int, words: str) -> None:
        super().__init__(f"status {status}")
        self.status, self.words = status, words


class UnusableError(Exception):
    """A reply that is too long, packed though nobody asked for that, or no JSON."""


def exchange(url: str, body: Any, *, headers: dict[str, str], seconds: float) -> Any:
    """The JSON that a URL answers; redirects are not followed.

    Args:
        url: http or https.
        body: anything that JSON can hold, to be posted; None to ask for what is there.
        headers: sent along.
        seconds: for everything from connecting to the last byte.

    Raises:
        RefusedError: another status than a success.
        UnusableError: too long, packed, or no JSON.
        TimeoutError: not done in time.
        httpx.HTTPError: nobody there, or a connection that breaks.
        httpx.InvalidURL, ValueError, OSError: a URL, a key, a proxy or a certificate that the
            library cannot use.
    """
    content = json.dumps(body) if body is not None else None
    reply = run_to_end(_exchange(url, content, headers, seconds))
    try:
        return json.loads(reply)
    except (ValueError, RecursionError) as error:
        raise UnusableError(f"no JSON but {_said(reply)}") from error


async def _exchange(
    url: str, content: str | None, headers: dict[str, str], seconds: float
) -> bytes:
    import httpx

    headers = {"content-type": "application/json", "accept-encoding": PLAIN} | headers
    method = "GET" if content is None else "POST"
    async with (
        asyncio.timeout(seconds),
        httpx.AsyncClient(timeout=seconds) as client,
        client.stream(method, url, content=content, headers=headers) as reply,
    ):
        if not reply.is_success:
            key = headers.get("authorization", "").rpartition(" ")[2]
            raise RefusedError(reply.status_code, await _refusal(reply, key))
        packed = reply.headers.get("content-encoding", PLAIN)
        if packed != PLAIN:
            raise UnusableError(f"an answer packed as {shown(packed)}, which nobody asked for")
        return await _content(reply)


async def _content(reply: "httpx.Response") -> bytes:
    content = bytearray()
    async for part in reply.aiter_raw():
        content += part
        if len(content) > LARGEST:
            raise UnusableError(f"an answer of more than {LARGEST // 2**20} MiB")
    return bytes(content)


async def _refusal(reply: "httpx.Response", key: str) -> str:
    """What a refusal says, as far as it is worth reading, and without the key if it repeats it."""
    import httpx

    content = bytearray()
    try:
        async for part in reply.aiter_raw():
            content += part
            if len(content) > LARGEST_REFUSAL:
                break
    except httpx.HTTPError:
        pass  # what came until then says enough
    place = reply.headers.get("location", "")
    if key:
        place, content = place.replace(key, "***"), content.replace(key.encode(), b"***")
    words = _said(bytes(content))
    return f"it points to {shown(place, longest=LONGEST_SHOWN)}" if place else words


def _said(content: bytes) -> str:
    """A body in words: an error's own message where JSON holds one."""
    text = content[:LARGEST_REFUSAL].decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(name):
            inner = found[name]
            message = inner.get("message", inner) if isinstance(inner, dict) else inner
            text = message if isinstance(message, str) else json.dumps(message)
            break
    return shown(" ".join(text.split()), longest=LONGEST_SHOWN)
