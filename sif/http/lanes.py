"""Many hosts asked at once by one event loop, each in a lane of its own.

A lane lets in so many requests at a time and a second, and none while its host asks to wait
(Retry-After); what happens in one lane holds up no other, also not names that nobody looks up in
time. Whoever asks from within `sharing_lanes` asks through these lanes. Knows nothing of what is
asked.
"""

import asyncio
import socket
import threading
import urllib.parse
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from time import perf_counter
from typing import Any, Final, NamedTuple, TypeVar

Result = TypeVar("Result")

PORTS: Final = {"http": 80, "https": 443}
MOST_HEAVY: Final = 8
"""Long replies that are in memory at a time, of all hosts together; of each host but one."""
MOST_LOOKUPS: Final = 512
LOOPBACK: Final = "127.0.0.1"


class Pace(NamedTuple):
    """How fast one host may be asked: requests at a time and a second; None for as many as come."""

    at_a_time: int | None = None
    per_second: float | None = None


class Closed(Exception):  # noqa: N818
    """The host asked to wait for longer than somebody has; `seconds` are left."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the host asks to wait for another {seconds:.0f} seconds")
        self.seconds = seconds


class Lane:
    """The way to one host, for coroutines of one event loop.

    Args:
        pace: of the host.

    Attributes:
        heavy: the place for a long reply, so that one host does not take all that there are.
    """

    def __init__(self, pace: Pace | None = None) -> None:
        at_a_time, per_second = pace or Pace()
        self._places = None if at_a_time is None else asyncio.Semaphore(at_a_time)
        self._gap = 0.0 if per_second is None else 1.0 / per_second
        self._turns = asyncio.Lock()
        self._next = self._opens = 0.0
        self.heavy = asyncio.Semaphore(1)

    def close_for(self, seconds: float) -> None:
        """Lets nobody in for so long; what is on its way already goes on."""
        self._opens = max(self._opens, perf_counter() + seconds)

    @asynccontextmanager
    async def entered(self, patience: float) -> AsyncIterator[float]:
        """Within it one request may be sent; gives the seconds that were waited for one's turn.

        Args:
            patience: seconds that may be waited for a closed lane. Those for one's turn are not
                counted, as they say nothing of the host.

        Raises:
            Closed: it is closed for longer.
        """
        came, left = perf_counter(), patience
        while True:
            # Nobody waits for a closed lane in a place, or others would have to wait behind.
            left = await self._opened(left)
            if self._places is not None:
                await self._places.acquire()
            try:
                await self._turn()
                if self._opens <= perf_counter():
                    yield perf_counter() - came - (patience - left)
                    return
            finally:
                if self._places is not None:
                    self._places.release()

    async def _opened(self, patience: float) -> float:
        """Waits until the lane is open; what is left of the patience then."""
        while (wait := self._opens - perf_counter()) > 0.0:
            if wait > patience:
                raise Closed(wait)
            began = perf_counter()
            await asyncio.sleep(wait)
            patience -= perf_counter() - began
        return patience

    async def _turn(self) -> None:
        """Keeps the rate."""
        if not self._gap:
            return
        async with self._turns:
            await asyncio.sleep(max(0.0, self._next - perf_counter()))
            self._next = perf_counter() + self._gap


class _Loop(asyncio.SelectorEventLoop):
    """An event loop in which names are looked up apart from other work, many at a time.

    A name whose servers are gone takes a thread for half a minute, and the usual few threads would
    soon be taken by them.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lookups = ThreadPoolExecutor(MOST_LOOKUPS, "sif-lookup")

    async def getaddrinfo(self, host: Any, port: Any, **more: Any) -> Any:
        """As of the loop, in a thread of its own."""
        look_up = partial(socket.getaddrinfo, host, port, **more)
        return await self.run_in_executor(self._lookups, look_up)

    def close(self) -> None:
        """Closes the loop; a look-up that is under way ends by itself."""
        self._lookups.shutdown(wait=False, cancel_futures=True)
        super().close()


class Lanes:
    """An event loop in a thread of its own, and a lane for every host.

    Args:
        pace: of a host, by its name and port as of `host_of`.

    Attributes:
        heavy: places for long replies, of which each takes much memory while it is read.
    """

    def __init__(self, pace: Callable[[str], Pace]) -> None:
        self._pace = pace
        self._lanes: dict[str, Lane] = {}
        self._lock = threading.Lock()
        self._closed = False
        self.heavy = asyncio.Semaphore(MOST_HEAVY)
        self._loop = _Loop()
        self._thread = threading.Thread(target=self._serve, name="sif-lanes")
        self._thread.start()

    def lane(self, url: str) -> Lane:
        """The lane to the host of an address, the same for every address there."""
        host = host_of(url)
        with self._lock:
            if host not in self._lanes:
                self._lanes[host] = Lane(self._pace(host))
            return self._lanes[host]

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What the work gives, which is done in the loop; from any thread but the loop's.

        Raises:
            CancelledError: the lanes were closed.
        """
        with self._lock:
            if self._closed:
                work.close()
                raise CancelledError
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        finally:
            future.cancel()  # where waiting for it was interrupted

    def close(self) -> None:
        """Ends whatever is under way; whoever waits for it gets `CancelledError`."""
        with self._lock:
            if not self._closed:
                self._closed = True
                # The loop ends itself, also where whoever waits for that here is interrupted.
                asyncio.run_coroutine_threadsafe(_end_all(), self._loop)
        self._thread.join()

    def _serve(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()


async def as_far_as_they_came(
    works: Iterable[Coroutine[Any, Any, Result]], otherwise: Result
) -> list[Result]:
    """What each of several works gives, done at once.

    Where they are ended meanwhile, what has come is given all the same, for it cost something, and
    `otherwise` in place of the rest.

    Raises:
        CancelledError: they were ended before any of them gave something.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        if tasks:
            await asyncio.wait(tasks)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if all(task.cancelled() for task in tasks):
            raise
    return [otherwise if task.cancelled() else task.result() for task in tasks]


async def _end_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    loop = asyncio.get_running_loop()
    try:
        await loop.shutdown_asyncgens()
        await loop.shutdown_default_executor()
    finally:
        loop.call_soon(loop.stop)


LANES: Final[ContextVar[Lanes | None]] = ContextVar("LANES", default=None)


@contextmanager
def sharing_lanes(pace: Callable[[str], Pace]) -> Iterator[Lanes]:
    """Whoever asks an endpoint in this context, or a copy of it, shares lanes with the others.

    At the end of the block whatever is still under way is ended.
    """
    lanes = Lanes(pace)
    token = LANES.set(lanes)
    try:
        yield lanes
    finally:
        LANES.reset(token)
        lanes.close()


def host_of(url: str) -> str:
    """Name and port of an address, such as `example.com:443`, in whatever spelling it was given.

    Raises:
        ValueError: no address.
    """
    parts = urllib.parse.urlsplit(url)
    return f"{host_name(parts.hostname or '')}:{parts.port or PORTS.get(parts.scheme, 0)}"


def host_name(written: str) -> str:
    """A host's name in small letters, or its number as it is usually written, IPv6 in brackets.

    All names of this machine are one. Others that lead to one machine cannot be told from here.
    """
    name = written.lower().strip("[]").rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return LOOPBACK
    number: IPv4Address | IPv6Address | None
    try:
        number = ip_address(name)
    except ValueError:
        number = _old_number(name)
    if number is None:
        return _ascii(name)
    mapped = getattr(number, "ipv4_mapped", None) or number
    if mapped.is_loopback or mapped.is_unspecified:
        return LOOPBACK
    return f"[{mapped}]" if mapped.version == 6 else str(mapped)


def host_key(written: str) -> str:
    """A host as of `host_of`, or its name alone, from how somebody wrote either of them."""
    name, colon, port = written.rpartition(":")
    if colon and port.isdecimal() and (":" not in name or name.endswith("]")):
        return f"{host_name(name)}:{int(port)}"
    return host_name(written)


def _old_number(name: str) -> IPv4Address | None:
    """Such as 127.1 or 0x7f000001, which are taken as well; none for any other name."""
    if not name[:1].isdigit():
        return None
    try:
        return IPv4Address(socket.inet_aton(name))
    except (OSError, ValueError):
        return None


def _ascii(name: str) -> str:
    try:
        return name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        return name
