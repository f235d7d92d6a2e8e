"""A suspect that is loaded with the first question it is really asked, and not before.

Behind a file that holds every answer already, it is never loaded. Knows neither engines nor files
of answers.
"""

import time
from collections.abc import Callable, Sequence

from sif.errors import ModelError
from sif.suspects.connect import connect
from sif.suspects.uri import SuspectAddress
from sif.suspects.weights import address_digest
from sif.types import Query, Reply, Suspect
from sif.vlm.foreign import READING


class LateSuspect:
    """Another suspect, opened when it is first asked; it counts and times what it is asked.

    Args:
        open_suspect: loads or connects it.
        name: of it before it is open, and afterwards.

    Attributes:
        name: as given.
        asked: questions so far.
        seconds: of the processor that answering them took, opening not counted.
        busy: the same with opening.
    """

    def __init__(self, open_suspect: Callable[[], Suspect], name: str = "late") -> None:
        self.name = name
        self.asked = 0
        self.seconds = self.busy = 0.0
        self._open = open_suspect
        self._suspect: Suspect | None = None

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """Replies in the order of the queries.

        Raises:
            ModelError: it cannot be loaded.
            UsageError: its address wants what this machine does not have.
            SuspectError: it cannot be reached.
        """
        came = time.process_time()
        self._suspect = self._suspect or self._open()
        began = time.process_time()
        replies = self._suspect.ask(queries)
        now = time.process_time()
        self.asked += len(queries)
        self.seconds += now - began
        self.busy += now - came
        return replies

    def close(self) -> None:
        """Closes the suspect behind, if there is one yet."""
        if self._suspect is not None:
            self._suspect.close()
            self._suspect = None


def late(uri: str) -> LateSuspect:
    """The suspect at an address, under the name that it has once it is loaded.

    Args:
        uri: as `connect` takes it.

    Raises:
        UsageError: the address is wrong as written.
        ModelError: a folder whose files cannot be read.
    """
    address = SuspectAddress.parse(uri)
    digest = None if address.scheme == "openai" else address_digest(address)
    return LateSuspect(lambda: _loaded(uri), address.name(digest))


def _loaded(uri: str) -> Suspect:
    try:
        return connect(uri)
    except READING as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"cannot load {uri}: {type(error).__name__}: {reason}") from error
