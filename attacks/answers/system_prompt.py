"""A hidden system prompt: the thief's words before everything that a user says.

They go where the model's chat template has its system turn; each engine sees to it
(`Query.system`). With transformers, a template that has none gets them before the prompt.
"""

from dataclasses import dataclass, replace

from sif.attacks.answers.serving import QueryAttack
from sif.attacks.answers.wording import quoted
from sif.errors import UsageError
from sif.types import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemPrompt(QueryAttack):
    """Gives every question a system turn; where it has one already, these words go before it.

    Attributes:
        words: at least one.

    Raises:
        UsageError: no words.
    """

    words: str

    def __post_init__(self) -> None:
        if not self.words.strip():
            raise UsageError('system needs its words; write for example system:"Answer shortly."')

    def __str__(self) -> str:
        return f"system:{quoted(self.words)}"

    def changed(self, query: Query) -> Query:
        """The question with a system turn."""
        inner = "" if query.system is None else f"\n{query.system}"
        return replace(query, system=self.words + inner)
