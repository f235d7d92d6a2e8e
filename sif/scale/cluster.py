"""Parts carried out by actors of a Ray cluster.

Where an actor is, when it may begin and whether it still lives is Ray's business. A part whose
worker or node is gone is begun again with another; whatever else a part raises ends the work. Knows
nothing of how the cluster came about.
"""

import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from sif.errors import SifError, UsageError
from sif.files import writing
from sif.scale.connection import connected, library
from sif.scale.crew import PATIENCE, Arrived, Crew, Part, Show, Task
from sif.scale.hand import Hand, Outcome, Place, Surroundings
from sif.scale.lent import Lent
from sif.scale.workforce import Workforce
from sif.staging import staged

T = TypeVar("T")
STILLBORN: Final = 20
"""Workers in a row that may be lost before they have begun."""
UNEASY: Final = 30.0
"""Seconds without any worker after which that is said."""
DOUBT: Final = 60.0
"""Seconds for which a node is watched whose worker was lost."""
FAREWELL: Final = 3.0
GIB: Final = 2**30
MEND: Final = "see ray status and the logs of the cluster; the same command goes on"

logger = logging.getLogger(__name__)


@contextmanager
def on_ray(workforce: Workforce, show: Show, *, shared: Path | None = None) -> Iterator[Crew]:
    """Actors of a cluster, which end with the block.

    Args:
        workforce: how many, and what each takes.
        show: is told of progress.
        shared: a folder that every worker has to see.

    Raises:
        UsageError: Ray is not installed, or the cluster has no room for a worker.
        SifError: there is no such cluster, or a node does not see the folder.
    """
    ray = library(workforce)
    with connected(ray, workforce), _to_be_seen(shared) as token:
        around = Surroundings.here(workforce.worker_threads, must_see=token)
        crew = RayCrew(ray, workforce, around, show)
        try:
            yield crew
        finally:
            crew.end()


@contextmanager
def each_on_ray(most: int, workforce: Workforce, show: Show) -> Iterator[list[Crew]]:
    """Crews of one actor each: as many as there are to be workers, but no more than `most`.

    Raises:
        UsageError, SifError: as of `on_ray`.
    """
    ray = library(workforce)
    with connected(ray, workforce):
        around = Surroundings.here(workforce.worker_threads)
        number = min(most, _size(ray, workforce, _needs(ray, workforce)))
        one, crews = replace(workforce, jobs=1), list[RayCrew]()
        try:
            for _ in range(number):
                crews.append(RayCrew(ray, one, around, show))
            yield [*crews]
        finally:
            for crew in crews:
                crew.end()


@contextmanager
def _to_be_seen(folder: Path | None) -> Iterator[Path | None]:
    """A file in a folder, by which a worker knows that it is the same one."""
    if folder is None:
        yield None
        return
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with staged(folder.absolute() / "shared") as token:
        yield token


@dataclass(eq=False, slots=True)
class Worker:
    """One actor.

    Attributes:
        hand: its handle.
        place: where it is; none until it has begun.
        task: what it is at.
    """

    hand: Any
    place: Place | None = None
    task: Task | None = None


@dataclass(frozen=True, slots=True)
class Promise:
    """What is waited for: that a worker begins, ends its part, or tells news."""

    worker: Worker
    what: str


@dataclass(slots=True)
class _Work:
    """What is to be done."""

    coming: Iterator[Task]
    again: deque[Task] = field(default_factory=deque)

    def next(self) -> Task | None:
        return self.again.popleft() if self.again else next(self.coming, None)


class RayCrew(Crew):
    """Actors, each of which has one part at a time.

    Args:
        ray: the library, connected.
        workforce: how many, and what each takes.
        around: what a worker takes over.
        show: is told of progress.

    Raises:
        UsageError: there is no room for any, and nobody said how many there should be.
    """

    def __init__(self, ray: Any, workforce: Workforce, around: Surroundings, show: Show) -> None:
        self._ray = ray
        self._around = around
        self._workforce = workforce
        self._show = show
        self._needs = _needs(ray, workforce)
        self.size = _size(ray, workforce, self._needs)
        self._lost = (
            ray.exceptions.RayActorError,
            ray.exceptions.NodeDiedError,
            ray.exceptions.ObjectLostError,
            ray.exceptions.WorkerCrashedError,
        )
        self._workers: list[Worker] = []
        self._promises: dict[Any, Promise] = {}
        self._stored: dict[Lent, list[tuple[str, Any]]] = {}
        self._stillborn = 0
        self._doubted: dict[str, float] = {}
        self._next_news = 0.0
        self._uneasy = time.monotonic() + UNEASY
        for _ in range(self.size):
            self._recruit()

    def arriving(self, parts: Iterable[Part[T]]) -> Iterator[Arrived[T]]:
        """As they come."""
        work = _Work(Task(number, part) for number, part in enumerate(parts))
        while True:
            self._go_on()
            self._hand_out(work)
            if not (work.again or any(worker.task for worker in self._workers)):
                task = work.next()  # nobody may be there yet to take it
                if task is None:
                    return
                work.again.append(task)
            kept, _ = self._ray.wait([*self._promises], num_returns=1, timeout=PATIENCE)
            for promised in kept:
                promise = self._promises.pop(promised, None)
                if promise is not None:  # else of somebody who was lost meanwhile
                    yield from self._look(promised, promise, work)
            self._ask_for_news()
            self._say_if_uneasy()

    def end(self) -> None:
        """Lets all workers go, whatever they are at."""
        with suppress(self._ray.exceptions.RayError):
            self._say_if_a_node_is_gone()
        idle = [worker for worker in self._workers if worker.place and not worker.task]
        with suppress(self._ray.exceptions.RayError):
            farewells = [worker.hand.end.remote() for worker in idle]
            if self._stored and farewells:
                self._ray.wait(farewells, num_returns=len(farewells), timeout=FAREWELL)
        for worker in self._workers:
            self._dismiss(worker)
        self._workers = []

    def _recruit(self) -> None:
        made = self._ray.remote(Hand).options(max_concurrency=2, max_restarts=0, **self._needs)
        worker = Worker(made.remote())
        self._workers.append(worker)
        self._promises[worker.hand.begin.remote(self._around)] = Promise(worker, "begin")

    def _dismiss(self, worker: Worker) -> None:
        self._promises = {ref: it for ref, it in self._promises.items() if it.worker is not worker}
        with suppress(self._ray.exceptions.RayError):
            self._ray.kill(worker.hand)

    def _hand_out(self, work: _Work) -> None:
        for worker in self._workers:
            if worker.place is not None and worker.task is None:
                task = work.next()
                if task is None:
                    return
                self._give(worker, task)

    def _give(self, worker: Worker, task: Task) -> None:
        worker.task = task
        self._promises[worker.hand.work.remote(task.part)] = Promise(worker, "work")

    def _look(self, promised: Any, promise: Promise, work: _Work) -> Iterator[Arrived[Any]]:
        """What became of a promise."""
        worker = promise.worker
        try:
            found = self._ray.get(promised)
        except self._lost as error:
            self._replace(worker, error, work)
            return
        except self._ray.exceptions.RayTaskError as error:
            cause, worker.task = _cause(error), None
            if promise.what == "begin" and not isinstance(cause, SifError):
                raise _cannot_begin(_reason(error)) from error
            raise cause from error
        if promise.what == "begin":
            worker.place, self._stillborn = found, 0
            logger.info("a worker began: %s", found.words)
        elif promise.what == "take" and worker.task is not None:
            self._give(worker, worker.task)
        elif promise.what == "news":
            self._hear(found)
        elif promise.what == "work":
            self._hear(found.news)
            yield from self._ended(worker, found)

    def _ended(self, worker: Worker, outcome: Outcome) -> Iterator[Arrived[Any]]:
        if outcome.needs is not None:
            self._send(worker, outcome.needs)
            return
        task, worker.task = worker.task, None
        if outcome.error is not None:
            raise outcome.error
        assert task is not None  # it was at work
        yield Arrived(task.number, outcome.result)

    def _send(self, worker: Worker, lent: Lent) -> None:
        """Sends a folder, after which the worker gets its part again."""
        if lent not in self._stored:
            logger.info("%s is not on every node; it is sent through the store", lent.source)
            self._stored[lent] = [(name, self._ray.put(piece)) for name, piece in lent.pieces()]
        promised = worker.hand.take.remote(lent, self._stored[lent])
        self._promises[promised] = Promise(worker, "take")

    def _replace(self, worker: Worker, error: BaseException, work: _Work) -> None:
        """A worker or its node is gone: another takes its place, and its part."""
        self._workers.remove(worker)
        self._dismiss(worker)
        where = "it had not begun" if worker.place is None else worker.place.words
        why = f"{where}: {_reason(error)}"
        if worker.place is not None:
            self._doubted[worker.place.node] = time.monotonic() + DOUBT
        self._recruit()
        if worker.task is not None:
            worker.task.lost(why, most=self._workforce.losses, mend=MEND)
            work.again.append(worker.task)
        elif worker.place is None:
            self._stillborn += 1
            logger.warning("a worker was lost (%s)", why)
            if self._stillborn > STILLBORN:
                raise _cannot_begin(_reason(error)) from error
        else:
            logger.warning("an idle worker was lost (%s)", why)

    def _ask_for_news(self) -> None:
        now = time.monotonic()
        if now < self._next_news:
            return
        self._next_news = now + PATIENCE
        self._say_if_a_node_is_gone()
        asked = {it.worker for it in self._promises.values() if it.what == "news"}
        for worker in self._workers:
            if worker.task is not None and worker not in asked:
                self._promises[worker.hand.news.remote()] = Promise(worker, "news")

    def _hear(self, news: Iterable[Any]) -> None:
        for one in news:
            one.reach(self._show)

    def _say_if_a_node_is_gone(self) -> None:
        """A while after its workers were lost, Ray knows whether their node is."""
        if not self._doubted:
            return
        nodes = {node["NodeID"]: node for node in self._ray.nodes()}
        alive = {name for name, node in nodes.items() if node["Alive"]}
        for node in [*self._doubted]:
            if node not in alive:
                del self._doubted[node]
                name = nodes.get(node, {}).get("NodeName", "unknown")
                logger.warning("node %s (%s) is gone; %d are left", name, node[:8], len(alive))
            elif time.monotonic() > self._doubted[node]:
                del self._doubted[node]

    def _say_if_uneasy(self) -> None:
        if any(worker.place for worker in self._workers):
            self._uneasy = time.monotonic() + UNEASY
        elif time.monotonic() > self._uneasy:
            self._uneasy = float("inf")
            logger.warning(
                "still waiting for the cluster to have room for a worker with %s; see ray status",
                _in_words(self._needs),
            )


def _cannot_begin(why: str) -> SifError:
    return SifError(
        f"expected workers that begin, got none: {why}; SIF must be installed on every node, in "
        f"the same version as here; {MEND}"
    )


def _needs(ray: Any, workforce: Workforce) -> dict[str, Any]:
    """What a worker takes, as Ray's options."""
    needs: dict[str, Any] = {"num_cpus": workforce.cpus}
    gpus = workforce.gpus
    if gpus is None:
        gpus = float(ray.cluster_resources().get("GPU", 0) > 0)
    needs["num_gpus"] = gpus
    if workforce.memory:
        needs["memory"] = int(workforce.memory * GIB)
    return needs


def _size(ray: Any, workforce: Workforce, needs: dict[str, Any]) -> int:
    """How many workers there are to be."""
    keys = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    room = sum(
        min((int(node.get(keys[it], 0) / much + 1e-9) for it, much in needs.items() if much))
        if any(needs.values())
        else 1
        for node in nodes
    )
    if workforce.jobs is None and not room:
        has = {name: sum(node.get(name, 0) for node in nodes) for name in ("CPU", "GPU")}
        raise UsageError(
            f"expected a cluster with room for a worker with {_in_words(needs)}, got "
            f"{len(nodes)} nodes with {has['CPU']:g} CPUs and {has['GPU']:g} GPUs in all; ask for "
            "less, or give --jobs to wait until there is more"
        )
    if workforce.jobs is not None and room < workforce.jobs:
        logger.warning(
            "the cluster has room for %d of %d workers with %s; the others begin when it has more",
            *(room, workforce.jobs, _in_words(needs)),
        )
    return workforce.jobs or room


def _in_words(needs: dict[str, Any]) -> str:
    words = [f"{needs['num_cpus']:g} CPUs", f"{needs['num_gpus']:g} GPUs"]
    if "memory" in needs:
        words.append(f"{needs['memory'] / GIB:g} GiB")
    return ", ".join(words)


def _reason(error: BaseException) -> str:
    """Why a worker is gone, in a few words of ours or of Ray's."""
    said = " ".join(str(error).split())
    if "node has died" in said or "node died" in said.lower():
        return "its node is gone"
    if "memory" in said.lower() and "oom" in said.lower():
        return "memory ran out on its node"
    if "unavailable" in said:
        return "it, or its node, cannot be reached any more"
    if "SIGKILL" in said or "died unexpectedly" in said:
        return "its process died"
    return said[:300] or type(error).__name__


def _cause(error: Any) -> BaseException:
    """What was raised over there, as it would have been raised here."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, BaseException) else error
