"""One case of the benchmark: the stolen model behind one attack, asked about everything.

The owner's triggers (those that the thief may have seen, and a reserve that was never shown) and
unseen scenes, which tell what the attack costs. Answers are kept in a journal and found again; a
suspect is made and loaded only where answers are missing. Knows no attack.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from sif.eval.adaptive.rows import Outcome, Part, Section
from sif.eval.adaptive.stage import Stage
from sif.eval.triggers.asking import BATCH, Late
from sif.eval.triggers.trigger_set import Grade, TriggerSet
from sif.eval.triggers.truth import facts_right
from sif.mini.world import Scene
from sif.suspects.journal import Journal
from sif.suspects.journalled import Journalled
from sif.types import Answer, GenerationSettings, Query, Reply, Suspect


@dataclass(frozen=True, eq=False, kw_only=True)
class Case:
    """One attack.

    Args:
        section: kind of attack.
        attack: in words, different from all others of its section.
        open: the attacked suspect.
        method: whose triggers are asked; of the first method both sets.
        disclosed: how many triggers of the first set the thief was told.
        benign: whether unseen scenes are asked, too.
    """

    section: Section
    attack: str
    open: Callable[[], Suspect]
    method: str
    disclosed: int = 0
    benign: bool = True


class _Asked(NamedTuple):
    part: Part
    picture: str
    query: Query
    scene: Scene
    triggers: TriggerSet | None


class Courtroom:
    """Asks all cases the same questions.

    Args:
        stage: where the triggers lie.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._sets: dict[tuple[str, int], list[_Asked]] = {}

    def hear(self, cases: Sequence[Case]) -> list[Outcome]:
        """A row for each answer of every case."""
        rows: list[Outcome] = []
        show, stage = self._stage.show, f"{self._stage.family}: asking"
        with Journal(self._stage.folder / "answers" / "adaptive.sqlite") as journal:
            for number, case in enumerate(cases):
                show(stage, number, len(cases), f"{case.section}: {case.attack}")
                rows += self._outcomes(case, journal)
        show(stage, len(cases), len(cases), "")
        return rows

    def _outcomes(self, case: Case, journal: Journal) -> Iterator[Outcome]:
        asked = self._questions(case)
        name = f"{case.section}: {case.attack}"
        with closing(Late(case.open)) as suspect:
            kept = Journalled(suspect, journal, chunk=BATCH, name=name)
            replies = kept.ask([one.query for one in asked])
        for one, reply in zip(asked, replies, strict=True):
            yield self._outcome(case, one, reply)

    def _questions(self, case: Case) -> list[_Asked]:
        first = self._asked(case.method, 0)
        asked = [one._replace(part="disclosed") for one in first[: case.disclosed]]
        rest = first[case.disclosed :]
        asked += [one._replace(part="reserve") for one in rest] if case.disclosed else rest
        if case.method == self._stage.scale.methods[0]:
            asked += [one._replace(part="reserve") for one in self._asked(case.method, 1)]
        return [*asked, *self._benign] if case.benign else asked

    def _asked(self, method: str, seed: int) -> list[_Asked]:
        if (method, seed) not in self._sets:
            making = self._stage.making(method, seed)
            triggers, scenes = making.load(), making.scenes()
            self._sets[method, seed] = [
                _Asked(
                    "asked",
                    f"{seed}/{question.id}",
                    question.query(),
                    scenes[question.source_image].scene,
                    triggers,
                )
                for question in triggers.questions
            ]
        return self._sets[method, seed]

    @cached_property
    def _benign(self) -> list[_Asked]:
        asked = []
        for number, sample in enumerate(self._stage.unseen()):
            query = Query(
                trigger=f"scene {number}",
                image=sample.image,
                prompt=sample.prompt,
                generation=GenerationSettings(),
            )
            asked.append(_Asked("benign", query.trigger, query, sample.scene, None))
        return asked

    def _outcome(self, case: Case, one: _Asked, reply: Reply) -> Outcome:
        told = reply.text if isinstance(reply, Answer) else None
        grade = Grade() if one.triggers is None else one.triggers.grade(_id(one.picture), told)
        return Outcome(
            family=self._stage.family,
            section=case.section,
            attack=case.attack,
            method=None if one.triggers is None else case.method,
            part=one.part,
            picture=one.picture,
            answered=told is not None,
            words=None if told is None else len(told.split()),
            facts=facts_right(one.scene, told or ""),
            green=grade.green,
            scored=grade.scored,
            vocabulary_size=None if one.triggers is None else one.triggers.vocabulary_size,
            green_size=None if one.triggers is None else one.triggers.green_size,
        )


def _id(picture: str) -> str:
    return picture.partition("/")[2]
