"""A thief, or whoever serves the model, marks its answers with a key of their own.

Knows nothing of the owner's keys; the arithmetic is `foreign_decoding`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from sif.attacks.answers.serving import ServedSuspect, ServingAttack
from sif.attacks.strength import Graded, Strength
from sif.errors import UsageError
from sif.suspects.steerable import Steerable
from sif.types import Query, Reply, Suspect

CONSTANT: Final = Strength(
    attack="watermark", noun="bias δ of a constant list", low=0, high=100, example="watermark:2"
)
BY_WORD: Final = Strength(
    attack="watermark-by-word",
    noun="bias δ of lists by the word before",
    low=0,
    high=100,
    example="watermark-by-word:2",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark(ServingAttack):
    """Makes the words of a foreign green list likelier in decoding.

    Attributes:
        bias: δ, 0 to 100; 0 changes nothing.
        by_word: a list for each preceding word, instead of one for all.

    Raises:
        UsageError: the bias is out of range.
    """

    bias: int | float
    by_word: bool = False

    def __post_init__(self) -> None:
        self._strength.check(self.bias)

    def __str__(self) -> str:
        return self._strength.text(self.bias)

    @property
    def _strength(self) -> Strength:
        return BY_WORD if self.by_word else CONSTANT

    def around(self, suspect: Suspect) -> Suspect:
        """The suspect with marked answers."""
        return MarkedSuspect(suspect, self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gumbel(Graded, ServingAttack):
    """Draws every word by a foreign key and the words before it: Gumbel-max, at temperature 1.

    Attributes:
        context: number of preceding words in the seed, 0 to 16; 0 for the same draws everywhere.

    Raises:
        UsageError: the number is out of range.
    """

    strength: ClassVar = Strength(
        attack="gumbel",
        noun="number of words before",
        low=0,
        high=16,
        whole=True,
        example="gumbel:4",
    )

    context: int

    def around(self, suspect: Suspect) -> Suspect:
        """The suspect with marked answers."""
        return MarkedSuspect(suspect, self)


class MarkedSuspect(ServedSuspect[Watermark | Gumbel]):
    """A suspect that decodes with a foreign watermark.

    Args:
        suspect: one in whose decoding one can take a hand: an `hf:` suspect itself.
        attack: the watermark.

    Raises:
        UsageError: another suspect.
    """

    _suspect: Steerable

    def __init__(self, suspect: Suspect, attack: Watermark | Gumbel) -> None:
        if not isinstance(suspect, Steerable):
            raise UsageError(
                f"{attack} takes a hand in decoding, which only hf: suspects allow, got "
                f"{suspect.name}; give it an hf: suspect, and before all other attacks"
            )
        super().__init__(suspect, attack)

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """Marked replies, in the order of the queries."""
        from sif.attacks.answers.foreign_decoding import Mark, ProviderHook

        match self._attack:
            case Gumbel(context=context):
                mark = Mark("Gumbel-max", float(context))
            case Watermark(bias=bias, by_word=by_word):
                kind = "list by the word before" if by_word else "constant list"
                mark = Mark(kind, float(bias))
        return self._suspect.ask_steered(queries, ProviderHook(mark, self._suspect.vocabulary_size))
