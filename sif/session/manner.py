"""In which manner a suspect is asked: behind attacks, and with an example before every prompt.

Knows neither fingerprints nor files.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from sif.attacks.answers import parse_answer_attacks
from sif.attacks.attacked import attacked
from sif.attacks.images import ImageAttack, in_order, parse_image_attack
from sif.errors import UsageError
from sif.suspects.connect import connect
from sif.suspects.prefaced import PrefacedSuspect
from sif.types import Suspect
from sif.vlm.placeholders import refuse as refuse_placeholders


def refuse_single(name: str, value: object) -> None:
    """Makes sure that several texts are no single one, which would be read letter by letter.

    Raises:
        UsageError: it is one.
    """
    if isinstance(value, str | bytes):
        raise UsageError(f"{name}: expected a list, got {str(value)[:80]!r}; put it into brackets")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What stands between the owner and the suspect.

    Attributes:
        image_attacks: on every picture, in their order, as in `sif verify --image-attack`.
        answer_attacks: on every answer, or on how answers come about, from the model outwards.
        example: description of another picture that stands before every prompt; its words.

    Raises:
        UsageError: one text where several are expected, or an example without words; an attack that
            cannot be read, when it is used.
    """

    image_attacks: Sequence[str] = ()
    answer_attacks: Sequence[str] = ()
    example: str | None = None

    def __post_init__(self) -> None:
        for name in ("image_attacks", "answer_attacks"):
            refuse_single(name, getattr(self, name))
        if self.example is not None and not self.example.strip():
            raise UsageError("expected an example description, got no words; leave example out")
        if self.example is not None:
            refuse_placeholders("example", [self.example])

    @property
    def image_attack(self) -> ImageAttack:
        """All attacks on images as one."""
        return in_order(parse_image_attack(text) for text in self.image_attacks)

    def check(self) -> None:
        """Reads every attack, so that what cannot be read is said before anything is loaded.

        Raises:
            UsageError: an attack that cannot be read.
        """
        _ = self.image_attack
        for text in self.answer_attacks:
            parse_answer_attacks(text)

    def around(self, suspect: Suspect) -> Suspect:
        """The suspect as it is asked; its name says what stands around it."""
        behind = [one for text in self.answer_attacks for one in parse_answer_attacks(text)]
        asked = attacked(suspect, *behind)
        if self.example is not None:
            asked = PrefacedSuspect(asked, self.example)
        return attacked(asked, self.image_attack)


@contextmanager
def asking(suspect: str | Suspect, manner: Manner) -> Iterator[Suspect]:
    """A suspect as it is asked in a manner.

    Named by its address, it is closed at the end with all that stands around it; one that is open
    already is left open.

    Raises:
        UsageError: the address or an attack is wrong as written.
        ModelError: a local model cannot be loaded, or its engine is not installed.
    """
    if not isinstance(suspect, str):
        yield manner.around(suspect)
        return
    with closing(manner.around(connect(suspect))) as asked:
        yield asked
