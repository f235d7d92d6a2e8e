"""Parts side by side in processes of this machine.

The processes tell of progress through a pipe, so that nothing is still on its way once a part has
ended, and end with the one that started them, kill -9 included. Where one is killed, all are begun
anew, and so are the parts that were at work.
"""

import logging
import multiprocessing
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, TypeVar

from sif.child_output import made_visible
from sif.scale.crew import PATIENCE, Arrived, Crew, Part, Show, Task, seldom
from sif.scale.workforce import Workforce

T = TypeVar("T")
WHY: Final = "it was killed, perhaps for want of memory"
MEND: Final = "run the same command again, with fewer --jobs"


@contextmanager
def in_processes(workforce: Workforce, show: Show) -> Iterator[Crew]:
    """`jobs` processes, which begin with the first part."""
    crew = Processes(workforce, show)
    with made_visible():
        try:
            yield crew
        except BaseException:
            crew.end(at_once=True)
            raise
        crew.end()


@contextmanager
def each_a_process(number: int, workforce: Workforce, show: Show) -> Iterator[list[Crew]]:
    """So many crews of one process each, which begin with their first parts."""
    one = replace(workforce, jobs=1)
    with made_visible():
        crews = [Processes(one, show) for _ in range(number)]
        try:
            yield [*crews]
        except BaseException:
            for crew in crews:
                crew.end(at_once=True)
            raise
        for crew in crews:
            crew.end()


class Processes(Crew):
    """A pool of processes.

    Args:
        workforce: how many, and with how many threads.
        show: is told of progress.
    """

    def __init__(self, workforce: Workforce, show: Show) -> None:
        self.size = workforce.jobs or 1
        self._workforce = workforce
        self._show = show
        self._context = multiprocessing.get_context("spawn")
        self._begin()

    def arriving(self, parts: Iterable[Part[T]]) -> Iterator[Arrived[T]]:
        """As they come."""
        coming = (Task(number, part) for number, part in enumerate(parts))
        again: deque[Task] = deque()
        at_work: dict[Future[Any], Task] = {}
        while True:
            self._go_on()
            broken = self._hand_out(again, coming, at_work)
            if not (at_work or again):
                return
            done, _ = wait(at_work, timeout=PATIENCE, return_when=FIRST_COMPLETED)
            self._pass_on()
            for future in done:
                if isinstance(future.exception(), BrokenProcessPool):
                    broken = True
                else:
                    yield Arrived(at_work.pop(future).number, future.result())
            if broken:  # and no other process of it can work any more
                for task in at_work.values():
                    task.lost(WHY, most=self._workforce.losses, mend=MEND)
                again.extend(at_work.values())
                at_work = {}
                self.end(at_once=True)
                self._begin()

    def _hand_out(
        self, again: deque[Task], coming: Iterator[Task], at_work: dict[Future[Any], Task]
    ) -> bool:
        """Gives a part to whoever is free; says whether the pool is broken."""
        while len(at_work) < self.size:
            task = again.popleft() if again else next(coming, None)
            if task is None:
                return False
            try:
                at_work[self._pool.submit(_carry_out, task.part)] = task
            except BrokenProcessPool:  # somebody died of boredom
                again.appendleft(task)
                return True
        return False

    def end(self, *, at_once: bool = False) -> None:
        """Lets the processes go, or ends what they are at."""
        if at_once:
            for child in [*(self._pool._processes or {}).values()]:
                child.terminate()
        self._pool.shutdown(cancel_futures=at_once)

    def _begin(self) -> None:
        self._news: Any = self._context.SimpleQueue()
        self._pool = ProcessPoolExecutor(
            self.size,
            mp_context=self._context,
            initializer=_set_up,
            initargs=(self._news, self._workforce.worker_threads),
        )

    def _pass_on(self) -> None:
        while not self._news.empty():
            self._show(*self._news.get())


_told: Show | None = None


def _set_up(news: Any, threads: int) -> None:
    """Sets up a process of the pool: ended by its parent only, and with it."""
    global _told
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    _take_a_gpu(torch)
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # its notes are for nobody here
    _told = seldom(lambda *words: news.put(words))


def _take_a_gpu(torch: Any) -> None:
    """Of several, by the number of the process."""
    if torch.cuda.is_available() and torch.cuda.device_count() > 1:
        (*_, number) = multiprocessing.current_process()._identity
        torch.cuda.set_device(number % torch.cuda.device_count())


def _carry_out(part: Part[T]) -> T:
    assert _told is not None
    return part.run(_told)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    signal.raise_signal(signal.SIGKILL)
