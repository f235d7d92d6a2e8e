"""The same words before every answer."""

from dataclasses import dataclass

from sif.attacks.answers.attack import AnswerAttack, Occasion
from sif.attacks.answers.wording import quoted
from sif.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix(AnswerAttack):
    """Puts fixed words and a blank before every answer.

    Attributes:
        words: at least one.

    Raises:
        UsageError: no words.
    """

    words: str

    def __post_init__(self) -> None:
        if not self.words.strip():
            raise UsageError('prefix needs its words; write for example prefix:"Sure!"')

    def __str__(self) -> str:
        return f"prefix:{quoted(self.words)}"

    def attacked(self, text: str, occasion: Occasion) -> str:
        """The words, then the answer."""
        return f"{self.words} {text}"
