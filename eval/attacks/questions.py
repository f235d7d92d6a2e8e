"""What an attacked suspect is asked, and the row that each answer fills. Knows no attack.

Triggers tell what evidence is left; questions about unseen scenes, whose truth is known and which a
thief's customers ask, tell what he pays.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Final, Literal, NamedTuple

from sif.eval.attacks.thefts import Job
from sif.eval.triggers.asking import cell_of, words_of
from sif.eval.triggers.making import Making
from sif.eval.triggers.roster import Listed
from sif.eval.triggers.rows import Cell
from sif.eval.triggers.trigger_set import TriggerSet
from sif.eval.triggers.truth import Truth, truth_of, word_right
from sif.mini.data import Sample, samples
from sif.mini.world import Scene
from sif.types import Answer, GenerationSettings, Query, Reply

Asked = Literal["trigger", "disclosed", "reserve", "benign", "job"]

SEEDS: Final = {"benign": 909, "job": 911, "limits": 913, "unseen": 503}


class AttackCell(Cell):
    """One answer of one attacked suspect.

    Attributes:
        kind, attack, strength: of the grid, or of what an adaptive thief does.
        asked: whether about a trigger (one that was disclosed to the thief, or that he never saw),
            about an unseen scene, or what the copy was tuned for.
        words: of the answer; none without one.
        facts: share of the scene's facts that it states rightly; 0 without an answer.
        shapes, colours, places: the same of these alone; none where one word was asked for.
    """

    kind: str
    attack: str
    strength: str
    asked: Asked
    words: int | None
    facts: float
    shapes: float | None
    colours: float | None
    places: float | None


class Label(NamedTuple):
    """What was done, as rows say it."""

    kind: str
    attack: str
    strength: str = ""


@dataclass(frozen=True, eq=False, kw_only=True)
class SceneQuestion:
    """A question about a scene.

    Attributes:
        query: as it is asked.
        truth: what an answer states rightly.
    """

    query: Query
    truth: Callable[[str], Truth]


class Inquiry(NamedTuple):
    """What is asked and for what, the row that an answer fills, and what it states rightly."""

    query: Query
    asked: Asked
    cell: Callable[[Reply], Cell]
    truth: Callable[[str], Truth]

    def row(self, reply: Reply, label: Label) -> AttackCell:
        """The row of an answer behind an attack; one that did not come states nothing."""
        text = reply.text if isinstance(reply, Answer) else ""
        return AttackCell(
            **self.cell(reply).model_dump(),
            kind=label.kind,
            attack=label.attack,
            strength=label.strength,
            asked=self.asked,
            words=words_of(reply),
            **self.truth(text)._asdict(),
        )


class _Made(NamedTuple):
    """What was made, with the scenes of the base images by their names."""

    making: Making
    triggers: TriggerSet
    scenes: dict[str, Scene]


@cache
def made(making: Making) -> _Made:
    """Read once in each process, which carries out many parts."""
    scenes = dict(making.roster.scenes(making.count, making.seed))
    return _Made(making, making.load(), scenes)


def about_triggers(
    listed: Listed, makings: Sequence[Making], image: str = "none"
) -> Iterator[Inquiry]:
    """Every trigger of several makings.

    Args:
        listed: who is asked, as rows say it.
        makings: of the triggers.
        image: what pictures go through, as rows say it.
    """
    for making, triggers, scenes in map(made, makings):
        for question in triggers.questions:
            yield Inquiry(
                question.query(),
                "trigger",
                partial(cell_of, listed, making, triggers, image, question),
                partial(truth_of, scenes[question.source_image]),
            )


def about_scenes(
    listed: Listed,
    making: Making,
    scenes: Sequence[SceneQuestion],
    asked: Asked,
    image: str = "none",
) -> list[Inquiry]:
    """Questions about scenes, in whose answers no green words are looked for."""

    def cell(name: str, reply: Reply) -> Cell:
        return Cell(
            family=making.roster.name,
            method=making.method.name,
            seed=0,
            suspect=listed.name,
            role=listed.role,
            split=listed.split,
            image_attack=image,
            trigger=name,
            answered=isinstance(reply, Answer),
        )

    return [
        Inquiry(one.query, asked, partial(cell, one.query.trigger), one.truth) for one in scenes
    ]


def scenes_of(
    job: Job, *, number: int, asked: str, generation: GenerationSettings
) -> tuple[SceneQuestion, ...]:
    """Questions about scenes that no training and no trigger has seen.

    Args:
        job: which world, and what is asked about it.
        number: how many.
        asked: what they are for; other scenes for each of `SEEDS`.
        generation: as triggers are asked.
    """
    drawn = samples(job.world, number=number, seed=SEEDS[asked], kind=job.kind)
    return tuple(
        SceneQuestion(
            query=Query(
                trigger=f"{asked}-{place:04d}",
                image=sample.image,
                prompt=sample.prompt,
                generation=generation,
            ),
            truth=_truth(job, sample),
        )
        for place, sample in enumerate(drawn)
    )


def _truth(job: Job, sample: Sample) -> Callable[[str], Truth]:
    match job.kind:
        case "captions":
            return lambda text: truth_of(sample.scene, text)
        case "terse":
            return lambda text: truth_of(sample.scene, text, whole=False)
        case "questions":
            return lambda text: Truth(facts=float(word_right(sample.answer, text)))
