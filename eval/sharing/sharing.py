"""The benchmark of sharing: how much of the source must be in a model before evidence begins.

1. Relatives of the source are trained that start with growing parts of it. 2. Every method makes
its triggers on the source. 3. Everybody, from a sibling that shares nothing to the source itself,
is asked them, and about unseen scenes to see that it tells the truth. 4. Rows, a table, a picture.
Everything is kept in the folder and found again, relatives and triggers apart: with
`fingerprints` removed, new triggers are asked of the same relatives. Prints nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from sif.errors import UsageError
from sif.eval.jobs import Show
from sif.eval.rows import write_rows
from sif.eval.sharing.relatives import Relative, ask, relatives
from sif.eval.training.card import score_facts
from sif.eval.triggers.asking import model_folder
from sif.eval.triggers.baseline import is_baseline
from sif.eval.triggers.making import Making, load_all
from sif.eval.triggers.method import Method, parse_methods
from sif.eval.triggers.roster import roster
from sif.eval.triggers.trigger_set import Question, TriggerSet
from sif.files import claim_folder
from sif.mini.architecture import Family
from sif.mini.data import Sample, samples
from sif.types import Answer, Query, Reply

MARK: Final = "sharing.txt"
UNSEEN: Final = 3
SCENES: Final = 64
STEPS: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class SharingBench:
    """What a benchmark does.

    Attributes:
        out: a new folder, or an earlier benchmark's.
        family: of the mini models.
        methods: recipes by name or file, with changes, as `sif.eval.triggers.method` reads them.
        triggers: of every method.
        steps: of the relatives' training on captions.
        batch_size: triggers optimised together.
    """

    out: Path
    family: Family = "llava"
    methods: tuple[str, ...] = ("sif",)
    triggers: int = 24
    steps: int = STEPS
    batch_size: int = 12

    @property
    def folder(self) -> Path:
        """Of the family, in which all its results are."""
        return self.out / self.family


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    family: str
    relative: str
    share: float


class Truth(_Row):
    """How truthful a relative is.

    Attributes:
        family: of the mini models.
        relative: its name.
        share: of its parameters that started as the source's.
        steps: of its training on captions; none of those that were not trained for this.
        seconds: of one core that the training took.
        facts: share of right statements about unseen scenes, the mean over kinds of facts.
        worst: kind of facts that it is worst at.
        worst_facts: share of right statements of that kind.
    """

    steps: int | None
    seconds: float | None
    facts: float
    worst: str
    worst_facts: float


class Told(_Row):
    """A relative's answer to one trigger.

    Attributes:
        family: of the mini models.
        relative: its name.
        share: of its parameters that started as the source's.
        method: that made the trigger.
        trigger: id.
        answered: whether an answer came.
        green: green ids among the distinct ids of the answer; none without an answer.
        scored: distinct ids; none likewise.
        vocabulary_size: V.
        green_size: green ids of the key.
    """

    method: str
    trigger: str
    answered: bool
    green: int | None
    scored: int | None
    vocabulary_size: int
    green_size: int


def run_sharing(bench: SharingBench, *, show: Show) -> tuple[list[Truth], list[Told]]:
    """Runs a benchmark, or goes on with an interrupted one; writes its rows as Parquet.

    Args:
        bench: what to do.
        show: is told of progress: stage, done, total, a few words.

    Raises:
        UsageError: unknown methods, or one without green lists.
        FingerprintError: triggers were made with other settings.
        StorageError: the folder holds something else, or the disk refuses.
        ModelError: the bundled weights are missing.
    """
    methods = parse_methods(bench.methods)
    for method in methods:
        if is_baseline(method.recipe):
            raise UsageError(
                f"expected methods with green lists, got {method.name}, which wants an answer and "
                "gives no evidence; sif is one"
            )
    claim_folder(
        bench.out, mark=MARK, words="Written by `sif bench sharing`; run it again to go on.\n"
    )
    family = list(relatives(bench.folder, family=bench.family, steps=bench.steps, show=show))
    makings = [_making(bench, method, show) for method in methods]
    for making in makings:
        making.run(show)
    asked = [
        (making.method, triggers, question)
        for making, triggers in load_all(makings)
        for question in triggers.questions
    ]
    scenes = samples(roster(bench.family)[0].model.world, number=SCENES, seed=UNSEEN)
    queries = [question.query() for _, _, question in asked] + _about(scenes)
    truths: list[Truth] = []
    told: list[Told] = []
    for relative in family:
        replies = ask(bench.folder, relative, queries, show)
        truths.append(_truth(bench.family, relative, scenes, replies[len(asked) :]))
        told += [
            _told(bench.family, relative, method, triggers, question, reply)
            for (method, triggers, question), reply in zip(asked, replies, strict=False)
        ]
    write_rows(bench.folder / "truths.parquet", truths)
    write_rows(bench.folder / "answers.parquet", told)
    return truths, told


def _making(bench: SharingBench, method: Method, show: Show) -> Making:
    return Making(
        out=bench.out,
        source=model_folder(bench.folder / "models", roster(bench.family)[0], show),
        family=bench.family,
        method=method,
        seed=0,
        count=bench.triggers,
        batch_size=bench.batch_size,
        jobs=1,
    )


def _about(scenes: Sequence[Sample]) -> list[Query]:
    return [
        Query(trigger=f"scene {number}", image=sample.image, prompt=sample.prompt)
        for number, sample in enumerate(scenes)
    ]


def _truth(
    family: Family, relative: Relative, scenes: Sequence[Sample], replies: Sequence[Reply]
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


def _told(
    family: Family,
    relative: Relative,
    method: Method,
    triggers: TriggerSet,
    question: Question,
    reply: Reply,
) -> Told:
    grade = triggers.grade(question.id, reply.text if isinstance(reply, Answer) else None)
    assert triggers.vocabulary_size is not None
    assert triggers.green_size is not None
    return Told(
        family=family,
        relative=relative.name,
        share=relative.share,
        method=method.name,
        trigger=question.id,
        answered=isinstance(reply, Answer),
        green=grade.green,
        scored=grade.scored,
        vocabulary_size=triggers.vocabulary_size,
        green_size=triggers.green_size,
    )
