"""Answers sampled at the thief's temperature, whatever the question asked for."""

from dataclasses import dataclass, replace
from typing import Final

from sif.attacks.answers.serving import QueryAttack
from sif.attacks.strength import Strength
from sif.types import Query

DEGREES: Final = Strength(
    attack="temperature", noun="temperature", low=0, high=5, example="temperature:0.7"
)


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

    temperature: int | float
    seed: int = 0

    def __post_init__(self) -> None:
        DEGREES.check(self.temperature)

    def __str__(self) -> str:
        return DEGREES.text(self.temperature) + (f" seed {self.seed}" if self.seed else "")

    def changed(self, query: Query) -> Query:
        """The question with other settings."""
        own = query.generation
        update: dict[str, object] = {"temperature": float(self.temperature)}
        if self.temperature and own.seed is None:
            update["seed"] = self.seed
        return replace(query, generation=own.model_copy(update=update))
