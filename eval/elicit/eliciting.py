"""One part of a benchmark's work: a suspect answers every trigger, asked in many ways.

Answers are kept in the journal of the benchmark of triggers, where plain questions may lie already.
The example is what the source itself says of a picture that no trigger was made from, so that no
key is in it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sif import prompts
from sif.errors import SuspectError
from sif.eval.elicit.ways import ways
from sif.eval.jobs import Show
from sif.eval.triggers.asking import cell_of, journalled
from sif.eval.triggers.making import Making, load_all
from sif.eval.triggers.results import Elicited
from sif.eval.triggers.roster import chosen, roster
from sif.mini.architecture import Family
from sif.types import Answer, Query, Reply

EXAMPLE: Final = "example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Eliciting:
    """One suspect of one family.

    Attributes:
        out: the benchmark's folder.
        suspect: name in the roster.
        makings: of the triggers.
        example: description of another picture.
    """

    out: Path
    family: Family
    suspect: str
    makings: tuple[Making, ...]
    example: str

    def run(self, show: Show) -> list[Elicited]:
        """Asks what has not been asked, and counts every answer."""
        (entry,) = chosen(self.family, (self.suspect,))
        asked = [
            (way, making, triggers, question)
            for way in ways()
            for making, triggers in load_all(self.makings)
            for question in triggers.questions
            if way.asks(question)
        ]
        queries = [way.query(question, self.example) for way, _, _, question in asked]
        stage = f"{self.family}: asking {entry.name}"

        def report(part: float) -> None:
            show(stage, part * len(asked), len(asked), "")

        with journalled(self.out, self.family, entry, show) as ask:
            replies = ask(queries, "none", report)
        report(1.0)
        return [
            Elicited(
                **cell_of(entry, making, triggers, "none", question, reply).model_dump(),
                example=way.beside,
                minimum=way.minimum,
                prompt=way.prompt,
                words=_words(reply),
            )
            for (way, making, triggers, question), reply in zip(asked, replies, strict=True)
        ]


def spare_description(making: Making, show: Show) -> str:
    """What the source says, greedily, of the last of a making's pictures, which is no base image.

    Raises:
        SuspectError: it says nothing.
    """
    sample = list(making.scenes().values())[-1]
    query = Query(trigger=EXAMPLE, image=sample.image, prompt=prompts.load()[0])
    with journalled(making.out, making.family, roster(making.family)[0], show) as ask:
        (reply,) = ask([query], "none", lambda part: None)
    if not isinstance(reply, Answer):
        raise SuspectError(f"expected a description from the source, got none: {reply.reason}")
    return reply.text


def _words(reply: Reply) -> int | None:
    return len(reply.text.split()) if isinstance(reply, Answer) else None
