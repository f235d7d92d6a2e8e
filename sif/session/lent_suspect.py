"""A suspect's address, and what another process needs to open it there under the name it has here.

Knows nothing of questions.
"""

from dataclasses import dataclass

from sif.scale.lent import Lent
from sif.suspects.connect import connect
from sif.suspects.uri import SuspectAddress
from sif.types import Suspect


@dataclass(frozen=True, slots=True)
class LentSuspect:
    """A suspect for whoever takes it.

    Attributes:
        address: as `connect` takes it.
        lent: its folder; none of an endpoint.
    """

    address: str
    lent: Lent | None

    @classmethod
    def of(cls, address: str) -> "LentSuspect":
        """What lies behind an address.

        Raises:
            UsageError: it is wrong as written.
        """
        parsed = SuspectAddress.parse(address)
        return cls(address, None if parsed.scheme == "openai" else Lent.of(parsed.target))

    def open(self) -> Suspect:
        """Connects to it, or loads it.

        Raises:
            NotHereError: its folder does not lie here.
            ModelError: it cannot be loaded.
        """
        if self.lent is None:
            return connect(self.address)
        target = SuspectAddress.parse(self.address).target
        return connect(self.address.replace(target, self.lent.place(), 1))

    def name(self, opened: Suspect) -> str:
        """The name of what `open` gave, as it would be where the address was written."""
        if self.lent is None:
            return opened.name
        return opened.name.replace(self.lent.place(), SuspectAddress.parse(self.address).target, 1)
