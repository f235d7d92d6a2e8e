"""A suspect that is shown an example of an answer before every question.

For suspects that answer too shortly to show anything: whoever sees a description of another picture
first, goes on in its manner.

Null A, that answers do not depend on the secret key, holds as it does for any question: the key
is drawn at random, and a question that was chosen without it cannot make answers depend on it.
Words copied from the example are green as often as any, for its writer knew no key. So the example
must be fixed without looking at the key, and before the first answer: whoever tries several and
keeps the best has asked several times, and owes a smaller α. Knows neither keys nor engines.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sif.errors import UsageError
from sif.types import Query, Reply, Suspect


def preface(query: Query, example: str) -> Query:
    """The question with the example before its prompt; everything else stays."""
    return replace(query, prompt=f"{example} {query.prompt}")


def read_example(text: str) -> str:
    """An example as it is typed: the words themselves, or `@FILE` that holds them; in one line.

    Raises:
        UsageError: no words, or a file that cannot be read as text.
    """
    words = " ".join((_read(Path(text[1:])) if text.startswith("@") else text).split())
    if not words:
        raise UsageError("expected an example description, got no words; write TEXT or @FILE")
    return words


@dataclass(frozen=True, slots=True)
class PrefacedSuspect:
    """Another suspect with an example before every prompt; pictures and settings pass unchanged.

    Put a `Journalled` around this one, not inside: a journal then holds the owner's questions
    under a name that tells examples apart.

    Attributes:
        suspect: the one that is asked.
        example: a description of a picture that is none of the triggers, as of `read_example`.
    """

    suspect: Suspect
    example: str

    @property
    def name(self) -> str:
        """That of the suspect behind, then a digest, as in `hf:model (example 5d41402abc)`."""
        return f"{self.suspect.name} (example {self._digest})"

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """The replies to the prefaced questions, in the order of the queries.

        Raises:
            SuspectError: the suspect cannot be reached.
        """
        return self.suspect.ask([preface(query, self.example) for query in queries])

    def close(self) -> None:
        """Closes the suspect behind."""
        self.suspect.close()

    @property
    def _digest(self) -> str:
        return hashlib.sha256(self.example.encode()).hexdigest()[:10]


def _read(path: Path) -> str:
    try:
        return path.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(
            f"cannot read the example in {path}: {reason}; name a text file"
        ) from error
