"""The local models of a campaign: asked here one after another, or by workers side by side.

Each model is loaded once for all fingerprints that ask it, and a worker has one in memory at a
time. Whoever asks, sessions are held and rows are written here. Knows nothing of endpoints.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager, nullcontext, suppress
from functools import partial
from itertools import groupby

from sif.errors import SifError
from sif.scale.crew import Crew
from sif.scale.hire import hire_each
from sif.scale.threads import computing_with
from sif.scale.workforce import Workforce
from sif.session.afar import FAILURES, Afar, Goodbye
from sif.session.campaign.desk import Desk, is_settled
from sif.session.campaign.pairing import Pair
from sif.suspects.connect import connect
from sif.types import Suspect

logger = logging.getLogger(__name__)
Alike = Sequence[Pair]
"""Pairs with one suspect, asked in different manners or about different fingerprints."""


@contextmanager
def asking_local(
    pairs: Sequence[Pair], desk: Desk, workforce: Workforce
) -> Iterator[Callable[[], None]]:
    """Gives what asks local models, once whoever is to have them in memory is there.

    Args:
        pairs: all that are asked of local models.
        desk: where rows go.
        workforce: who has models in memory; this process where it is alone.

    Raises:
        UsageError, SifError: as of `sif.scale.hire.hire`.
    """
    ordered = sorted(pairs, key=lambda pair: pair.suspect.suspect)
    groups = [list(some) for _, some in groupby(ordered, key=lambda pair: pair.suspect.suspect)]
    here, away = list[Alike](), list[Alike]()
    for some in groups:
        (here if workforce.is_alone or not _may_travel(some) else away).append(some)
    if not away:
        with computing_with(workforce.threads):
            yield partial(_ask_here, here, desk)
        return
    with hire_each(workforce, lambda *words: None, most=len(away)) as crews:
        yield partial(_ask_everywhere, here, deque(away), crews, desk)


def _ask_everywhere(
    here: Sequence[Alike], away: "deque[Alike]", crews: Sequence[Crew], desk: Desk
) -> None:
    """One thread for each worker, which mostly waits; at whatever end, no thread is left."""
    pool = ThreadPoolExecutor(len(crews), "sif-campaign-local")
    try:
        work = [pool.submit(_drain, away, crew, desk) for crew in crews]
        _ask_here(here, desk)
        for done in as_completed(work):
            done.result()
    except BaseException:
        away.clear()
        for crew in crews:
            crew.stop()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _drain(groups: "deque[Alike]", crew: Crew, desk: Desk) -> None:
    """Has one worker asked group by group, as long as there are any."""
    while groups:
        try:
            alike = groups.popleft()
        except IndexError:  # another thread was quicker
            return
        for pair in alike:
            desk.ask(pair, partial(Afar, crew, pair.suspect.suspect))
        with suppress(SifError):  # a worker that is gone holds nothing
            crew.run([Goodbye()])


def _may_travel(alike: Alike) -> bool:
    """Whether others can take a suspect.

    What attacks answers may decode with the model's own hand, or ask an endpoint whose key is here.
    """
    plain = not any(pair.suspect.answer_attacks for pair in alike)
    written = alike[0].suspect.address is not None
    return plain and written and not all(map(is_settled, alike))


def _ask_here(groups: Sequence[Alike], desk: Desk) -> None:
    for alike in groups:
        plain = not any(pair.suspect.answer_attacks for pair in alike)
        shared = plain and sum(not is_settled(pair) for pair in alike) > 1
        with _opened(alike[0]) if shared else nullcontext() as suspect:
            for pair in alike:
                desk.ask(pair, None if suspect is None else partial(_same, suspect))


def _same(suspect: Suspect) -> Suspect:
    return suspect


@contextmanager
def _opened(pair: Pair) -> Iterator[Suspect | None]:
    """The suspect; None where it cannot be opened, which each session then finds out by itself."""
    try:
        suspect = connect(pair.suspect.suspect)
    except FAILURES as error:
        logger.info("%s cannot be opened: %s", pair.suspect.name, error)
        yield None
        return
    with closing(suspect):
        yield suspect
