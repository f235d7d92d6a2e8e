"""`sif bench elicit`: copies that answer in one word, asked about triggers in many ways.

1. Every method makes its triggers on the source, or finds those that are there. 2. The source
describes a spare picture; that is the example, and no key is in it. 3. The source, its short-spoken
copies and an innocent answer every trigger in every way. 4. Rows and tables. Everything is kept and
found again.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import Field, model_validator

from sif import prompts
from sif.errors import SuspectError
from sif.eval.elicit.findings import Elicited, as_tables
from sif.eval.elicit.ways import ways
from sif.eval.study import Findings, Settings, Study, Workplace
from sif.eval.triggers.asking import cell_of, kept, words_of
from sif.eval.triggers.making import Making, green_methods, load_all, makings_of
from sif.eval.triggers.mini_roster import FAMILIES, chosen, mini_roster
from sif.eval.triggers.roster import Roster, named
from sif.mini.architecture import Family
from sif.scale.crew import Show
from sif.types import Answer, Query

EXAMPLE: Final = "example"


class ElicitSettings(Settings):
    """What `sif bench elicit` can be told."""

    families: tuple[Family, ...] = Field(default=FAMILIES, min_length=1)
    """Of the mini models."""
    triggers: int = Field(default=24, ge=2, le=10_000)
    """Of a method, family and set of keys."""
    methods: tuple[str, ...] = Field(default=("sif",), min_length=1)
    """Recipes with green lists, as in `sif bench triggers`."""
    seeds: int = Field(default=1, ge=1, le=1000)
    """Sets of keys for each method."""
    suspects: tuple[str, ...] = ("source", "lora-questions", "full-questions", "sibling")
    """Names in the roster."""

    @model_validator(mode="after")
    def _can_be_asked(self) -> "ElicitSettings":
        green_methods(self.methods)
        for family in self.families:
            chosen(family, self.suspects)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Eliciting:
    """One suspect of one roster.

    Attributes:
        out: the study's folder.
        roster: who there is.
        suspect: name in the roster.
        makings: of the triggers.
        example: description of another picture.
    """

    out: Path
    roster: Roster
    suspect: str
    makings: tuple[Making, ...]
    example: str

    def run(self, show: Show) -> list[Elicited]:
        """Asks what has not been asked, and counts every answer."""
        (listed,) = named(self.roster.suspects, (self.suspect,))
        asked = [
            (way, making, triggers, question)
            for way in ways()
            for making, triggers in load_all(self.makings)
            for question in triggers.questions
            if way.asks(question)
        ]
        queries = [way.query(question, self.example) for way, _, _, question in asked]
        stage = f"{self.roster.name}: asking {listed.name}"

        def report(part: float) -> None:
            show(stage, part * len(asked), len(asked), "")

        with kept(self.roster, listed.name, self.out, show) as ask:
            replies = ask(queries, "none", report)
        report(1.0)
        return [
            Elicited(
                **cell_of(listed, making, triggers, "none", question, reply).model_dump(),
                example=way.beside,
                minimum=way.minimum,
                prompt=way.prompt,
                words=words_of(reply),
            )
            for (way, making, triggers, question), reply in zip(asked, replies, strict=True)
        ]


def run(settings: ElicitSettings, place: Workplace) -> Findings:
    """Runs the study, or goes on with an interrupted one."""
    rows = elicit(settings, place)
    return Findings(summary=as_tables(rows), files={"elicit.parquet": rows})


def elicit(settings: ElicitSettings, place: Workplace) -> list[Elicited]:
    """Asks everybody in every way.

    Raises:
        UsageError: unknown methods, methods without green lists, or unknown suspects.
        StorageError: the folder holds triggers that were made with other settings.
        ModelError: the bundled weights are missing.
        SuspectError: the source describes nothing.
    """
    makings = {family: _makings(settings, family, place) for family in settings.families}
    with place.crew() as hands:
        hands.run([making for those in makings.values() for making in those])
        parts = [
            Eliciting(
                out=place.out,
                roster=those[0].roster,
                suspect=suspect,
                makings=those,
                example=example,
            )
            for those in makings.values()
            for example in [spare_description(those[0], place.show)]
            for suspect in settings.suspects
        ]
        return [row for part in hands.run(parts) for row in part]


def _makings(settings: ElicitSettings, family: Family, place: Workplace) -> tuple[Making, ...]:
    roster = mini_roster(family)
    roster.prepare(settings.suspects, place.out, place.show)
    return makings_of(
        roster,
        place,
        green_methods(settings.methods),
        seeds=range(settings.seeds),
        count=settings.triggers,
    )


def spare_description(making: Making, show: Show) -> str:
    """What the source says, greedily, of the last of a making's pictures, which is no base image.

    Raises:
        SuspectError: it says nothing.
    """
    picture = making.roster.pictures(making.count, making.seed)[-1]
    query = Query(trigger=EXAMPLE, image=picture.image, prompt=prompts.load()[0])
    (source, *_) = making.roster.suspects
    with kept(making.roster, source.name, making.out, show) as ask:
        (reply,) = ask([query], "none", lambda part: None)
    if not isinstance(reply, Answer):
        raise SuspectError(f"expected a description from the source, got none: {reply.reason}")
    return reply.text


STUDY: Final = Study(
    name="elicit",
    settings=ElicitSettings,
    quick={"families": ("llava",), "triggers": 8},
    run=run,
)
