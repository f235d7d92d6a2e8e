"""Many hosts asked at once by one event loop, each in a lane of its own.

A lane lets in so many requests at a time and a second, and none while its host asks to wait
(Retry-After); what happens in one lane holds up no other. Whoever asks from within `sharing_lanes`
asks through these lanes. Knows nothing of what is asked.
"""

import asyncio
import threading
import urllib.parse
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import Any, Final, NamedTuple, TypeVar

Result = TypeVar("Result")

PORTS: Final = {"http": 80, "https": 443}
MOST_HEAVY: Final = 8
"""Long replies that are in memory at a time, of all hosts together."""


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
    """

    def __init__(self, pace: Pace | None = None) -> None:
        at_a_time, per_second = pace or Pace()
        self._places = None if at_a_time is None else asyncio.Semaphore(at_a_time)
        self._gap = 0.0 if per_second is None else 1.0 / per_second
        self._turn = asyncio.Lock()
        self._next = self._opens = 0.0

    def close_for(self, seconds: float) -> None:
        """Lets nobody in for so long; what is on its way already goes on."""
        self._opens = max(self._opens, perf_counter() + seconds)

    @asynccontextmanager
    async def entered(self, patience: float) -> AsyncIterator[float]:
        """Within it one request may be sent; gives the seconds that were waited for it.

        Args:
            patience: seconds that may be waited for a closed lane. Those for one's turn are not
                counted, as they say nothing of the host.

        Raises:
            Closed: it is closed for longer.
        """
        came = perf_counter()
        if self._places is None:
            await self._let_in(patience)
            yield perf_counter() - came
            return
        async with self._places:
            await self._let_in(patience)
            yield perf_counter() - came

    async def _let_in(self, patience: float) -> None:
        if not self._gap and self._opens <= perf_counter():
            return
        async with self._turn:
            while (now := perf_counter()) < max(self._opens, self._next):
                if self._opens - now > patience:
                    raise Closed(self._opens - now)
                await asyncio.sleep(max(self._opens, self._next) - now)
            self._next = now + self._gap


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
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sif-lanes")
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
            if self._closed:
                return
            self._closed = True
        asyncio.run_coroutine_threadsafe(_end_all(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
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
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()


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
    """Name and port of an address, such as `example.com:443`.

    Raises:
        ValueError: no address.
    """
    parts = urllib.parse.urlsplit(url)
    name = (parts.hostname or "").rstrip(".")
    return f"{name}:{parts.port or PORTS.get(parts.scheme, 0)}"
