"""Questions changed on the way to the model: another temperature, a hidden system turn.

Knows neither engines nor chat templates.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, final

from sif.attacks.answers.quoting import Worded
from sif.attacks.answers.serving import ServedSuspect, ServingAttack
from sif.attacks.strength import Strength
from sif.types import Query, Reply, Suspect


class QueryAttack(ServingAttack):
    """An attack that only changes what the model is asked."""

    __slots__ = ()

    @abstractmethod
    def changed(self, query: Query) -> Query:
        """The question that the model gets."""

    @final
    def around(self, suspect: Suspect) -> Suspect:
        """The suspect that gets changed questions."""
        return ChangedQueries(suspect, self)


class ChangedQueries(ServedSuspect[QueryAttack]):
    """Another suspect whose questions are changed on the way."""

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """The replies to the changed questions, in the order of the queries.

        Raises:
            SuspectError: the suspect cannot be reached.
        """
        return self._suspect.ask([self._attack.changed(query) for query in queries])


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperature(QueryAttack):
    """Puts a temperature into the settings of every question, and a seed where there is none.

    With the same questions in the same batches the same answers come again. An address that names
    a temperature of its own has the last word (`hf:model?temperature=0.7`).

    Attributes:
        temperature: 0 to 5; 0 is greedy.
        seed: of the sampling, for questions without one; repeats take following seeds.

    Raises:
        UsageError: the temperature is out of range.
    """

    strength: ClassVar = Strength(
        attack="temperature", noun="temperature", low=0, high=5, example="temperature:0.7"
    )

    temperature: int | float
    seed: int = 0

    def __post_init__(self) -> None:
        self.strength.check(self.temperature)

    def __str__(self) -> str:
        return self.strength.text(self.temperature) + (f" seed {self.seed}" if self.seed else "")

    @classmethod
    def read(cls, text: str) -> "Temperature":
        """The attack of the temperature that was written behind its name.

        Raises:
            UsageError: nothing there, no number, or out of range.
        """
        return cls(temperature=cls.strength.read(text))

    def changed(self, query: Query) -> Query:
        """The question with other settings."""
        own = query.generation
        update: dict[str, object] = {"temperature": float(self.temperature)}
        if self.temperature and own.seed is None:
            update["seed"] = self.seed
        return replace(query, generation=own.model_copy(update=update))


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemPrompt(Worded, QueryAttack):
    """Gives every question a system turn; where it has one already, these words go before it.

    They go where the model's chat template has its system turn; each engine sees to it
    (`Query.system`). With transformers, a template that has none gets them before the prompt.

    Attributes:
        words: at least one.

    Raises:
        UsageError: no words.
    """

    attack: ClassVar = "system"
    example: ClassVar = 'system:"Answer shortly."'

    def changed(self, query: Query) -> Query:
        """The question with a system turn."""
        inner = "" if query.system is None else f"\n{query.system}"
        return replace(query, system=self.words + inner)
