"""One part of a benchmark's work: a suspect answers every trigger under every attack on images.

The triggers of all methods and seeds go to it together, in large batches. Answers are kept in a
journal; a suspect is stolen and loaded only where answers are missing.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock

from sif.attacks.images import AttackedSuspect, Nothing, parse_image_attack
from sif.attacks.weights.attack import Progress
from sif.attacks.weights.theft import steal
from sif.eval.jobs import Show
from sif.eval.triggers.making import Making, load_all
from sif.eval.triggers.results import Cell
from sif.eval.triggers.roster import Entry, chosen
from sif.eval.triggers.trigger_set import Question, TriggerSet
from sif.mini.architecture import Family
from sif.mini.folders import export
from sif.suspects.connect import connect
from sif.suspects.journal import Journal
from sif.suspects.journalled import Journalled
from sif.types import Answer, Query, Reply, Suspect

# Seconds for 144 answers of a mini model on one core, in batches of 8, 24, 72 and 144: 9.5, 5.0,
# 3.8, 3.2.
BATCH: Final = 144


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One suspect of one family.

    Attributes:
        out: the benchmark's folder.
        suspect: name in the roster.
        makings: of the triggers.
        image_attacks: in their text form.
    """

    out: Path
    family: Family
    suspect: str
    makings: tuple[Making, ...]
    image_attacks: tuple[str, ...]

    def run(self, show: Show) -> list[Cell]:
        """Asks what has not been asked, and counts every answer."""
        (entry,) = chosen(self.family, (self.suspect,))
        asked = [
            (making, triggers, question)
            for making, triggers in load_all(self.makings)
            for question in triggers.questions
        ]
        queries = [question.query() for _, _, question in asked]
        cells: list[Cell] = []
        stage = f"{self.family}: asking {entry.name}"
        with journalled(self.out, self.family, entry, show) as ask:
            for number, text in enumerate(self.image_attacks):

                def report(part: float, number: int = number, text: str = text) -> None:
                    show(stage, number + part, len(self.image_attacks), text)

                replies = ask(queries, text, report)
                cells += [
                    cell_of(entry, making, triggers, text, question, reply)
                    for (making, triggers, question), reply in zip(asked, replies, strict=True)
                ]
        show(stage, len(self.image_attacks), len(self.image_attacks), "")
        return cells


Ask = Callable[[Sequence[Query], str, Callable[[float], None]], list[Reply]]


@contextmanager
def journalled(out: Path, family: Family, entry: Entry, show: Show) -> Iterator[Ask]:
    """What asks a suspect under an attack on images, in batches, with a journal before it.

    Args:
        out: the benchmark's folder.
        family: of the suspect.
        entry: the suspect.
        show: is told of a theft.
    """
    models, answers = out / family / "models", out / family / "answers"

    def open_suspect() -> Suspect:
        return connect(f"hf:{model_folder(models, entry, show)}?batch={BATCH}")

    with Journal(answers / f"{entry.name}.sqlite") as journal, closing(Late(open_suspect)) as late:

        def ask(
            queries: Sequence[Query], text: str, report: Callable[[float], None]
        ) -> list[Reply]:
            attack = parse_image_attack(text)
            seen = late if attack == Nothing() else AttackedSuspect(late, attack)
            kept = Journalled(seen, journal, chunk=BATCH, name=f"{entry.name} ({text})")
            replies: list[Reply] = []
            for start in range(0, len(queries), BATCH):
                report(start / len(queries))
                replies += kept.ask(queries[start : start + BATCH])
            return replies

        yield ask


def model_folder(models: Path, entry: Entry, show: Show) -> Path:
    """The folder of a suspect, made where it is missing."""
    plain, folder = models / entry.model.name, models / entry.name
    models.mkdir(parents=True, exist_ok=True)
    with FileLock(models / f".{entry.model.name}.lock"):  # two jobs may need one model
        if not plain.exists():
            export(entry.model, plain)
    if entry.theft is None:
        return plain

    def report(progress: Progress) -> None:
        stage = f"{entry.model.family}: stealing {entry.name}"
        show(stage, progress.step, progress.steps, progress.stage)

    for needed in entry.needs:
        model_folder(models, needed, show)
    with FileLock(models / f".{entry.name}.lock"):
        if not folder.exists():
            begun = plain if entry.begun is None else model_folder(models, entry.begun, show)
            steal(begun, folder, entry.theft(models), report=report)
    return folder


class Late:
    """A suspect that is connected when it is first asked.

    Args:
        open_suspect: connects it.
        name: of it before it is connected, and afterwards.

    Attributes:
        asked: questions so far.
        seconds: of the processor that answering them took, connecting not counted.
        busy: the same with connecting.
    """

    def __init__(self, open_suspect: Callable[[], Suspect], name: str = "late") -> None:
        self.name = name
        self.asked = 0
        self.seconds = self.busy = 0.0
        self._open = open_suspect
        self._suspect: Suspect | None = None

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """The replies of the suspect behind."""
        came = time.process_time()
        self._suspect = self._suspect or self._open()
        began = time.process_time()
        replies = self._suspect.ask(queries)
        now = time.process_time()
        self.asked += len(queries)
        self.seconds += now - began
        self.busy += now - came
        return replies

    def close(self) -> None:
        """Closes the suspect behind, if there is one yet."""
        if self._suspect is not None:
            self._suspect.close()


def cell_of(
    entry: Entry,
    making: Making,
    triggers: TriggerSet,
    text: str,
    question: Question,
    reply: Reply,
) -> Cell:
    """The row of one answer to one trigger that went through an attack, in its text form."""
    grade = triggers.grade(question.id, reply.text if isinstance(reply, Answer) else None)
    return Cell(
        family=making.family,
        method=making.method.name,
        seed=making.seed,
        suspect=entry.name,
        role=entry.role,
        split=entry.split,
        image_attack=text,
        trigger=question.id,
        answered=isinstance(reply, Answer),
        **grade._asdict(),
        vocabulary_size=triggers.vocabulary_size,
        green_size=triggers.green_size,
    )
