"""`sif bench sharing`: how much of the source must be in a model before evidence begins.

1. Relatives of the source are trained that start with growing parts of it. 2. Every method makes
its triggers on the source. 3. Everybody, from a sibling that shares nothing to the source itself,
is asked them, and about unseen scenes to see that it tells the truth. 4. Rows, a table, a plot.
Everything is kept in the folder and found again, relatives and triggers apart: with
FAMILY/fingerprints removed, new triggers are asked of the same relatives. An interrupted training
begins anew.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pydantic import Field, model_validator

from sif.eval.sharing.curve import Told, Truth, as_markdown, as_picture, points
from sif.eval.sharing.relatives import SOURCE, Relative, ask, relatives
from sif.eval.study import Findings, Settings, Study, Workplace
from sif.eval.training.card import score_facts
from sif.eval.triggers.asking import cell_of
from sif.eval.triggers.making import green_methods, let_go, load_all, makings_of
from sif.eval.triggers.mini_roster import Entry, MiniRoster, mini_roster
from sif.eval.triggers.roster import Role
from sif.mini.architecture import Family
from sif.mini.data import Sample, samples
from sif.types import Answer, Query, Reply

UNSEEN: Final = 3
SCENES: Final = 64


class SharingSettings(Settings):
    """What `sif bench sharing` can be told."""

    family: Family = "llava"
    """Of the mini models."""
    methods: tuple[str, ...] = Field(default=("sif",), min_length=1)
    """As of `sif bench triggers`, those with green lists only."""
    triggers: int = Field(default=24, ge=2)
    """Of a method."""
    steps: int = Field(default=600, ge=1)
    """Of the relatives' training on captions; by default as few as tell the truth."""

    @model_validator(mode="after")
    def _has_green_lists(self) -> "SharingSettings":
        green_methods(self.methods)
        return self


class Results(NamedTuple):
    """A row for each relative, and one for each answer."""

    truths: list[Truth]
    told: list[Told]


def run(settings: SharingSettings, place: Workplace) -> Findings:
    """Runs the study, or goes on with an interrupted one."""
    truths, told = share(settings, place)
    some = points(told)
    return Findings(
        summary=as_markdown(some, truths),
        files={
            "sharing.svg": as_picture(some),
            "truths.parquet": truths,
            "answers.parquet": told,
        },
    )


def share(settings: SharingSettings, place: Workplace) -> Results:
    """Raises everybody, and asks.

    Raises:
        UsageError: unknown methods, or one without green lists.
        StorageError: the folder holds triggers that were made with other settings.
        ModelError: the bundled weights are missing.
    """
    roster = mini_roster(settings.family)
    family = list(relatives(place.out, roster=roster, steps=settings.steps, show=place.show))
    makings = makings_of(
        roster, place, green_methods(settings.methods), seeds=(0,), count=settings.triggers
    )
    with place.crew() as hands:
        hands.run(makings)
    let_go()
    asked = [
        (making, triggers, question)
        for making, triggers in load_all(makings)
        for question in triggers.questions
    ]
    scenes = samples(roster.world, number=SCENES, seed=UNSEEN)
    queries = [question.query() for _, _, question in asked] + _about(scenes)
    found = Results([], [])
    for relative in family:
        listed = _listed(roster, relative)
        replies = ask(roster.folder(place.out), relative, queries, place.show)
        found.truths.append(_truth(roster.name, relative, scenes, replies[len(asked) :]))
        found.told.extend(
            Told(
                **cell_of(listed, making, triggers, "none", question, reply).model_dump(),
                share=relative.share,
            )
            for (making, triggers, question), reply in zip(asked, replies, strict=False)
        )
    return found


def _listed(roster: MiniRoster, relative: Relative) -> Entry:
    """A relative as rows say it; those that share something are copies."""
    model = roster.suspects[0].model
    kin: Role = "copy" if relative.share else "innocent"
    role: Role = "source" if relative.name == SOURCE else kin
    return Entry(name=relative.name, role=role, split="held out", model=model)


def _about(scenes: Sequence[Sample]) -> list[Query]:
    return [
        Query(trigger=f"scene {number}", image=sample.image, prompt=sample.prompt)
        for number, sample in enumerate(scenes)
    ]


def _truth(
    family: str, relative: Relative, scenes: Sequence[Sample], replies: Sequence[Reply]
) -> Truth:
    texts = [reply.text if isinstance(reply, Answer) else "" for reply in replies]
    facts = score_facts([sample.scene for sample in scenes], texts)
    worst = min(facts, key=lambda kind: facts[kind])
    raised = relative.upbringing
    return Truth(
        family=family,
        relative=relative.name,
        share=relative.share,
        steps=None if raised is None else raised.steps,
        seconds=None if raised is None else raised.seconds,
        facts=sum(facts.values()) / len(facts),
        worst=worst,
        worst_facts=facts[worst],
    )


STUDY: Final = Study(
    name="sharing",
    settings=SharingSettings,
    quick={"triggers": 8, "steps": 150},
    run=run,
    in_parts=False,
)
