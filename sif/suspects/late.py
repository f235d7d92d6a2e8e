"""A suspect that is loaded with the first question it is really asked, and not before.

Behind a journal that holds every answer already, it is never loaded. Knows neither engines nor
journals.
"""

from collections.abc import Sequence

from sif.errors import ModelError
from sif.suspects.connect import connect
from sif.suspects.uri import SuspectAddress
from sif.suspects.weights import weights_digest
from sif.types import Query, Reply, Suspect

# What libraries raise over a repository whose configuration, files or code they cannot make out.
LOADING_FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


class LateSuspect:
    """The suspect at an address, loaded when it is first asked.

    Args:
        uri: as `connect` takes it.

    Raises:
        UsageError: the address is wrong as written.
        ModelError: a folder whose files cannot be read.
    """

    def __init__(self, uri: str) -> None:
        address = SuspectAddress.parse(uri)
        digest = None if address.scheme == "openai" else weights_digest(address.target)
        self._uri = uri
        self._name = address.name(digest)
        self._suspect: Suspect | None = None

    @property
    def name(self) -> str:
        """What the suspect itself is called once it is loaded."""
        return self._name

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """Replies in the order of the queries.

        Raises:
            ModelError: it cannot be loaded.
            UsageError: its address wants what this machine does not have.
            SuspectError: it cannot be reached.
        """
        if self._suspect is None:
            self._suspect = _loaded(self._uri)
        return self._suspect.ask(queries)

    def close(self) -> None:
        """Closes the suspect, where it was loaded."""
        if self._suspect is not None:
            self._suspect.close()
            self._suspect = None


def _loaded(uri: str) -> Suspect:
    try:
        return connect(uri)
    except LOADING_FAILURES as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"cannot load {uri}: {type(error).__name__}: {reason}") from error
