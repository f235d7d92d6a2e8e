"""A suspect whose answers are attacked on their way to the owner. Knows no engine."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from sif.attacks.answers.attack import AnswerAttack
from sif.attacks.answers.serving import served_name
from sif.types import Answer, Query, Reply, Suspect, Unanswered


class AttackedAnswers:
    """Another suspect with an attack behind it; questions and failures pass unchanged.

    Probabilities of tokens are given up where words change: they belong to other words. Put a
    `Journalled` around this one, not inside: a journal then holds what the attacked suspect said,
    under a name that says the attack.

    Args:
        suspect: the one that is asked.
        attack: on every answer; several go into one through `in_order`.
        seed: of what the attack draws.
    """

    def __init__(self, suspect: Suspect, attack: AnswerAttack, *, seed: int = 0) -> None:
        self._suspect = suspect
        self._attack = attack
        self._seed = seed

    @property
    def name(self) -> str:
        """That of the suspect behind, then the attack, as in `hf:model (answers drop:0.3)`."""
        seeded = f"{self._attack} seed {self._seed}" if self._seed else str(self._attack)
        return served_name(self._suspect, seeded)

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """The attacked replies, in the order of the queries.

        Raises:
            SuspectError: the suspect cannot be reached.
        """
        replies = self._suspect.ask(queries)
        if self._attack.lanes == 1:
            return [self._reply(*pair) for pair in zip(queries, replies, strict=True)]
        with ThreadPoolExecutor(max_workers=self._attack.lanes) as pool:
            return list(pool.map(self._reply, queries, replies))

    def close(self) -> None:
        """Closes the suspect behind."""
        self._suspect.close()

    def _reply(self, query: Query, reply: Reply) -> Reply:
        if not isinstance(reply, Answer):
            return reply
        outcome = self._attack.apply(reply.text, query, seed=self._seed)
        if isinstance(outcome, Unanswered) or outcome == reply.text:
            return outcome if isinstance(outcome, Unanswered) else reply
        if not outcome.strip():
            return Unanswered(reason=f"nothing left of the answer by the attack {self._attack}")
        return replace(reply, text=outcome, top=None)
