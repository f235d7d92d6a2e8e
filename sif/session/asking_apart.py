"""A panel asked by several workers: each takes one model, and what it said is heard again here.

What a worker brings back is a suspect that says the same again, so that whatever is done with
answers is done here, as if the model itself had been asked. Knows nothing of calibrations.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from sif.attacks.attacked import attacked
from sif.attacks.images import ImageAttack
from sif.errors import SuspectError
from sif.scale.crew import Show
from sif.session.lent_suspect import LentSuspect
from sif.session.manner import Manner
from sif.suspects.kept import CHUNK, Known
from sif.types import Query, Reply, Suspect


class Heard:
    """A suspect that says again what it said.

    Args:
        name: of it.
        replies: by the digest of the question.
    """

    def __init__(self, name: str, replies: Mapping[str, Reply]) -> None:
        self._name = name
        self._replies = dict(replies)

    @property
    def name(self) -> str:
        """As it was."""
        return self._name

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """The same replies.

        Raises:
            SuspectError: it was not asked that.
        """
        missing = [query for query in queries if query.digest not in self._replies]
        if missing:
            raise SuspectError(
                f"expected {self._name} to have been asked about trigger {missing[0].trigger}, got "
                "no reply; run the same command again"
            )
        return [self._replies[query.digest] for query in queries]

    def close(self) -> None:
        """Nothing to free."""


class Listening:
    """Another suspect whose replies are remembered.

    Args:
        suspect: who is asked; stays open.
        name: of it.

    Attributes:
        name: of it.
        replies: so far, by the digest of the question.
    """

    def __init__(self, suspect: Suspect, name: str) -> None:
        self.name = name
        self.replies: dict[str, Reply] = {}
        self._suspect = suspect

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """Asks it."""
        said = self._suspect.ask(queries)
        self.replies |= {query.digest: reply for query, reply in zip(queries, said, strict=True)}
        return said

    def close(self) -> None:
        """It is somebody else's."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Interview:
    """One model asked everything, by whichever process takes it.

    Attributes:
        model: who is asked.
        name: under which answers are kept; its own where None.
        manner: example and the like.
        attacks: on images, each a setting of its own.
        under: the name under an attack, from the given name.
        queries: about each trigger.
        known: of which the answers are there.
        batch_size: triggers asked about together.
    """

    model: LentSuspect
    name: str | None
    manner: Manner
    attacks: tuple[ImageAttack, ...]
    under: Callable[[str, str], str]
    queries: tuple[tuple[Query, ...], ...] = field(repr=False)
    known: Known = field(repr=False)
    batch_size: int

    def run(self, show: Show) -> Heard:
        """Asks it what is not known.

        Raises:
            ModelError: it cannot be loaded.
            SuspectError: it cannot be reached.
        """
        with closing(self.model.open()) as model:
            listening = Listening(model, self.model.name(model))
            around = self.manner.around(listening)
            done, total = 0, len(self.queries) * len(self.attacks)
            for attack in self.attacks:
                seen = attacked(around, attack)
                name = self.under(self.name, str(attack)) if self.name else seen.name
                for start in range(0, len(self.queries), self.batch_size):
                    some = self.queries[start : start + self.batch_size]
                    asked = [one for each in some for one in each]
                    wanted = [one for one in asked if (name, one.digest) not in self.known]
                    for first in range(0, len(wanted), CHUNK):
                        seen.ask(wanted[first : first + CHUNK])
                    done += len(some)
                    show(self.name or listening.name, done, total, "")
            return Heard(listening.name, listening.replies)


def interview(
    address: str,
    *,
    name: str | None,
    manner: Manner,
    attacks: Sequence[ImageAttack],
    under: Callable[[str, str], str],
    queries: Iterable[Sequence[Query]],
    known: Known,
    batch_size: int,
) -> Interview:
    """The part that asks a model, with what it needs of this machine.

    Args:
        address: as `connect` takes it.
        name: as of `Interview`, as are the others.
        manner: example and the like.
        attacks: on images.
        under: a given name under an attack.
        queries: about each trigger.
        known: need not be asked.
        batch_size: triggers asked about together.
    """
    return Interview(
        model=LentSuspect.of(address),
        name=name,
        manner=manner,
        attacks=tuple(attacks),
        under=under,
        queries=tuple(tuple(one.about(one.image) for one in each) for each in queries),
        known=known,
        batch_size=batch_size,
    )
