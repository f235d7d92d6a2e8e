"""`sif bench adaptive`: a thief who knows the method but not the key.

1. The owner makes his triggers. 2. Detectors score them among benign pictures. 3. Purifiers,
filters, joined answers, tuned copies and unlearnt ones are asked about the owner's triggers (those
that the thief may have seen, and a reserve that was never shown) and about unseen scenes, which
tell what an attack costs. 4. Rows, tables and plots. Everything is kept in the folder and found
again; a suspect is made and loaded only where answers are missing.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from sif.eval.adaptive.cases import CASES, Case
from sif.eval.adaptive.detection import detections_of, fidelity_of, scores_of
from sif.eval.adaptive.findings import Detection, Fidelity, Score, as_report, plots, summarise
from sif.eval.adaptive.stage import DETECTION, SECTIONS, AdaptiveSettings, Stage
from sif.eval.attacks.questions import AttackCell, Inquiry, Label, about_scenes, about_triggers
from sif.eval.study import Findings, Study, Workplace
from sif.eval.triggers.making import let_go
from sif.eval.triggers.mini_roster import BATCH
from sif.mini.architecture import Family
from sif.scale.crew import Show
from sif.suspects.kept import KeptAnswers
from sif.suspects.late import LateSuspect


class Found(NamedTuple):
    """What is found on one family or on all; each is a Parquet file of that name."""

    answers: list[AttackCell]
    detections: list[Detection]
    scores: list[Score]
    fidelity: list[Fidelity]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """One family's part of the work.

    Attributes:
        out: the study's folder.
        settings: what is done.
    """

    out: Path
    family: Family
    settings: AdaptiveSettings

    def run(self, show: Show) -> Found:
        """Does what has not been done, and counts."""
        stage = Stage(out=self.out, family=self.family, scale=self.settings, show=show)
        sections = [one for one in SECTIONS if one in self.settings.sections]
        detecting = DETECTION in self.settings.sections
        everything = detecting or "owner" in sections
        for making in stage.makings() if everything else stage.usual_makings():
            making.run(show)
        let_go()
        scores = scores_of(stage) if detecting else []
        fidelity = fidelity_of(stage) if "purifiers" in sections else []
        cases = [case for section in sections for case in CASES[section](stage)]
        return Found(list(hear(stage, cases)), detections_of(scores), scores, fidelity)


def run(settings: AdaptiveSettings, place: Workplace) -> Findings:
    """Runs the study, or goes on with an interrupted one."""
    hearings = [
        Hearing(out=place.out, family=family, settings=settings) for family in settings.families
    ]
    with place.crew() as hands:
        parts = hands.run(hearings)
    found = Found(
        answers=[row for part in parts for row in part.answers],
        detections=[row for part in parts for row in part.detections],
        scores=[row for part in parts for row in part.scores],
        fidelity=[row for part in parts for row in part.fidelity],
    )
    rows = {f"adaptive-{name}.parquet": values for name, values in found._asdict().items()}
    return Findings(
        summary=as_report(found.answers, found.detections, found.fidelity),
        files={**plots(found.scores, summarise(found.answers)), **rows},
    )


def hear(stage: Stage, cases: Sequence[Case]) -> Iterator[AttackCell]:
    """A row for each answer of every case, all of which are asked the same."""
    shown = f"{stage.family}: asking"
    unseen = stage.unseen()
    with KeptAnswers(stage.folder / "answers" / "adaptive.sqlite") as answers:
        for number, case in enumerate(cases):
            name = f"{case.section}: {case.attack}"
            stage.show(shown, number, len(cases), name)
            asked = _triggers(stage, case)
            if case.benign:
                (source, *_) = stage.roster.suspects
                asked += about_scenes(source, stage.making(case.method), unseen, "benign")
            with closing(LateSuspect(case.open, name)) as late:
                suspect = answers.through(late, chunk=BATCH)
                replies = suspect.ask([one.query for one in asked])
            label = Label(case.section, case.attack)
            yield from (one.row(reply, label) for one, reply in zip(asked, replies, strict=True))
    stage.show(shown, len(cases), len(cases), "")


def _triggers(stage: Stage, case: Case) -> list[Inquiry]:
    """The case's own triggers; of the first method both sets, the second in reserve."""

    def of(seed: int) -> list[Inquiry]:
        (source, *_) = stage.roster.suspects
        return [*about_triggers(source, [stage.making(case.method, seed)])]

    first = of(0)
    told, rest = first[: case.disclosed], first[case.disclosed :]
    reserve = rest if case.disclosed else []
    if case.method == stage.scale.methods[0]:
        reserve = [*reserve, *of(1)]
    return [
        *(one._replace(asked="disclosed") for one in told),
        *([] if case.disclosed else rest),
        *(one._replace(asked="reserve") for one in reserve),
    ]


STUDY: Final = Study(
    name="adaptive",
    settings=AdaptiveSettings,
    quick={
        "families": ("llava",),
        "triggers": 6,
        "methods": ("sif", "sif@epsilon=8"),
        "method_triggers": 4,
        "scenes": 8,
        "benign": 60,
        "own_triggers": 4,
        "classifier_steps": 80,
        "purifiers": ("purify:16", "purify-learned:16"),
        "logged": 60,
        "tuning_steps": 12,
        "adversarial_triggers": 4,
        "adversarial_steps": 20,
        "adversarial": ("1:language",),
        "averages": ("average:3", "smooth:8"),
        "disclosed": (1, 3),
        "ways": ("answers",),
    },
    run=run,
)
