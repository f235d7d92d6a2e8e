"""A suspect that sees attacked pictures. Knows neither engines nor single attacks."""

from collections.abc import Sequence
from dataclasses import replace

from sif.attacks.images.attack import ImageAttack
from sif.types import Query, Reply, Suspect


class AttackedSuspect:
    """Another suspect with an attack before it; prompts, settings and repeats pass unchanged.

    Put a `Journalled` around this one, not inside: a journal then holds the owner's questions
    under a name that says the attack.

    Args:
        suspect: the one that is asked.
        attack: on the image of every query; several go into one through `in_order`.
    """

    def __init__(self, suspect: Suspect, attack: ImageAttack) -> None:
        self._suspect = suspect
        self._attack = attack

    @property
    def name(self) -> str:
        """That of the suspect behind, then the attack, as in `hf:model (image jpeg:75)`."""
        return f"{self._suspect.name} (image {self._attack})"

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """The replies to the attacked pictures, in the order of the queries.

        Raises:
            SuspectError: the suspect cannot be reached.
        """
        return self._suspect.ask(
            [replace(query, image=self._attack.apply(query.image)) for query in queries]
        )

    def close(self) -> None:
        """Closes the suspect behind."""
        self._suspect.close()
