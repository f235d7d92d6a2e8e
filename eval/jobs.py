"""Parts of a benchmark's work in turn, or side by side in processes of one thread each.

Tiny models do not use several cores by themselves. A part is a value that says what to do and where
to keep it; the processes tell of progress through a pipe, so that nothing is still on its way once
a part has ended, and end with the one that started them, kill -9 included. Knows nothing of what
the parts do.
"""

import logging
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar, runtime_checkable

import torch

from sif.child_output import made_visible
from sif.errors import SifError

Show = Callable[[str, float, float, str], None]
PATIENCE: Final = 0.2
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@runtime_checkable
class Part(Protocol[T_co]):
    """One part of the work; runs again after an interruption."""

    def run(self, show: Show) -> T_co:
        """Does it, and returns what came of it; `show` is told stage, done, total and words."""
        ...


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A part that is a function of `show` alone; other processes must be able to import it."""

    work: Callable[[Show], T]

    def run(self, show: Show) -> T:
        """Calls it."""
        return self.work(show)


class Workers:
    """Whoever carries out parts: this process, or a pool of others.

    Args:
        show: is told of progress.
        pool: of processes; this one works alone where None.
        news: what the pool's processes tell.
    """

    def __init__(self, show: Show, pool: ProcessPoolExecutor | None, news: Any) -> None:
        self._show = show
        self._pool = pool
        self._news = news

    def run(self, parts: Sequence[Part[T]]) -> list[T]:
        """What came of every part, in their order.

        Raises:
            SifError: what a part raised, or a process that was killed.
        """
        if self._pool is None:
            return [part.run(self._show) for part in parts]
        try:
            futures = [self._pool.submit(_carry_out, part) for part in parts]
            self._watch(futures)
            return [future.result() for future in futures]
        except BrokenProcessPool as error:
            raise SifError(
                "expected every process to end by itself, got one that was killed, perhaps for "
                "want of memory; run the same command again, with fewer --jobs"
            ) from error

    def _watch(self, futures: Sequence[Future[Any]]) -> None:
        waiting = set(futures)
        while waiting:
            done, waiting = wait(waiting, timeout=PATIENCE, return_when=FIRST_EXCEPTION)
            while not self._news.empty():
                self._show(*self._news.get())
            for future in done:
                future.result()


@contextmanager
def workers(jobs: int, show: Show) -> Iterator[Workers]:
    """This process alone, or `jobs` others of one thread each.

    Args:
        jobs: parts that are carried out at once.
        show: is told of progress, always from this process.
    """
    if jobs == 1:
        yield Workers(show, None, None)
        return
    context = multiprocessing.get_context("spawn")
    news, others = context.SimpleQueue(), set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(news,))
    with made_visible(), pool:
        try:
            yield Workers(show, pool, news)
        except BaseException:
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()
            raise


_told: Show | None = None


def _begin(news: Any) -> None:
    """Sets up a process of the pool: one thread, ended by its parent only, and with it."""
    global _told
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # its notes are for nobody here
    _told = _seldom(lambda *words: news.put(words))


def _carry_out(part: Part[T]) -> T:
    assert _told is not None
    return part.run(_told)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    signal.raise_signal(signal.SIGKILL)


def _seldom(show: Show) -> Show:
    """Passes on what is told a few times a second, and the first and the last of every stage."""
    last: dict[str, float] = {}

    def tell(stage: str, done: float, total: float, words: str) -> None:
        now = time.monotonic()
        if done >= total or now - last.get(stage, 0.0) > PATIENCE:
            last[stage] = now
            show(stage, done, total, words)

    return tell
