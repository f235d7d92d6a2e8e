"""One page about many suspects: the matrix of fingerprints and suspects, then every pair.

It links to the pages of single runs, which lie beside it. Knows nothing of where values come from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sif.files import write_atomically
from sif.ownership.run import Group
from sif.report.render import GROUPS, environment, style

WORDS: Final = {
    "derived": "Derived",
    "not_shown": "Not shown",
    "inconclusive": "Inconclusive",
    "failed": "Failed",
    "not_asked": "Not asked",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """How one pair ended.

    Attributes:
        fingerprint: its label.
        decision: of the verdict; `failed` or `not_asked` where there is none.
        reason: of it, in one line.
        log10_e_value: the highest; none without a verdict.
        transfer_log10_e_value: the same against transfer; none where it is not tested.
        questions: that were put, or were to be.
        answered: how many of them got an answer.
        unanswered: the others, by reason.
        seconds: that it took; none where it was not asked.
        page: of its run, from this page; none where there is none.
    """

    fingerprint: str
    decision: str
    reason: str
    log10_e_value: float | None
    transfer_log10_e_value: float | None
    questions: int
    answered: int
    unanswered: Mapping[str, int]
    seconds: float | None
    page: str | None

    @property
    def link(self) -> str | None:
        """The page as an address."""
        return None if self.page is None else quote(self.page)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectLine:
    """A suspect, with a cell for every fingerprint in their order."""

    label: str
    name: str
    group: Group
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixPage:
    """Everything on the page; `to_know` is what follows for many verdicts together."""

    title: str
    created: datetime
    fingerprints: Sequence[str]
    suspects: Sequence[SuspectLine]
    to_know: str

    @property
    def groups(self) -> list[tuple[str, list[SuspectLine]]]:
        """The suspects under the headings of their groups."""
        found = [
            (title, [one for one in self.suspects if one.group == group])
            for group, title in GROUPS.items()
        ]
        return [(title, some) for title, some in found if some]

    @property
    def lead(self) -> str:
        """The outcome in a sentence."""
        ended = [cell.decision for one in self.suspects for cell in one.cells]
        parts = [f"{ended.count(name)} {word.lower()}" for name, word in WORDS.items()]
        told = ", ".join(part for part in parts if not part.startswith("0 "))
        return f"{len(ended)} pairs: {told or 'nothing to judge'}."


def write_matrix(page: MatrixPage, path: Path) -> None:
    """Writes the page, whole or not at all.

    Raises:
        StorageError: the file cannot be written.
    """
    template = environment().get_template("matrix.html.jinja")
    write_atomically(path, template.render(page=page, style=style(), words=WORDS))
