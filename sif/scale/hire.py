"""From a workforce to crews that are there for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sif.scale.crew import Alone, Crew, Show
from sif.scale.threads import computing_with
from sif.scale.workforce import Workforce


@contextmanager
def hire(workforce: Workforce, show: Show, *, shared: Path | None = None) -> Iterator[Crew]:
    """This process alone, others of this machine, or those of a Ray cluster.

    Args:
        workforce: how many, where and with what.
        show: is told of progress, always from this process.
        shared: a folder that parts write into themselves; of a cluster, all nodes must see it.

    Raises:
        UsageError: Ray is not installed, or has no room for any worker.
        SifError: no cluster where one was named, or one that does not see the folder.
    """
    if workforce.ray is not None:
        from sif.scale.cluster import on_ray

        with on_ray(workforce, show, shared=shared) as crew:
            yield crew
    elif workforce.is_alone:
        with computing_with(workforce.threads):
            yield Alone(show)
    else:
        from sif.scale.processes import in_processes

        with in_processes(workforce, show) as crew:
            yield crew


@contextmanager
def hire_each(workforce: Workforce, show: Show, *, most: int) -> Iterator[list[Crew]]:
    """Crews of one worker each, for whoever learns from one part what the next one is.

    Each may be used in a thread of its own, and again after a part that failed. What parts keep in
    their modules, such as a model, stays with that crew's worker.

    Args:
        workforce: how many, where and with what.
        show: is told of progress.
        most: crews that there is work for.

    Raises:
        UsageError, SifError: as of `hire`.
    """
    if workforce.ray is not None:
        from sif.scale.cluster import each_on_ray

        with each_on_ray(most, workforce, show) as crews:
            yield crews
    elif workforce.is_alone:
        with computing_with(workforce.threads):
            yield [Alone(show)]
    else:
        from sif.scale.processes import each_a_process

        with each_a_process(min(most, workforce.jobs or 1), workforce, show) as crews:
            yield crews
