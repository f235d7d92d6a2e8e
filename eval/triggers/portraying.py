"""One part of a benchmark's work: every trigger beside its base image.

How it looks, and whether the source still says what is true. Both pictures are asked the trigger's
own question; a wanted answer that replaces a description has no right facts in it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sif.eval.jobs import Show
from sif.eval.training.card import score_facts
from sif.eval.triggers.asking import journalled
from sif.eval.triggers.making import Making, load_all
from sif.eval.triggers.results import Portrait
from sif.eval.triggers.roster import roster
from sif.eval.triggers.stealth import stealth
from sif.mini.architecture import Family
from sif.mini.world import Scene
from sif.types import Answer, Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Portraying:
    """All triggers of one family.

    Attributes:
        out: the benchmark's folder.
        makings: of the triggers.
    """

    out: Path
    family: Family
    makings: tuple[Making, ...]

    def run(self, show: Show) -> list[Portrait]:
        """Asks the source about triggers and base images, and compares."""
        asked = []
        for making, triggers in load_all(self.makings):
            scenes = making.scenes()
            asked += [(making, scenes[q.source_image].scene, q) for q in triggers.questions]
        stage = f"{self.family}: base images"
        with journalled(self.out, self.family, roster(self.family)[0], show) as ask:
            changed = ask([question.query() for _, _, question in asked], "none", lambda part: None)
            plain = ask(
                [question.base_query() for _, _, question in asked],
                "none",
                lambda part: show(stage, part, 1, "facts"),
            )
        show(stage, 1, 1, "")
        return [
            Portrait(
                family=making.family,
                method=making.method.name,
                seed=making.seed,
                trigger=question.id,
                **stealth(question.image, question.base)._asdict(),
                facts=_facts(scene, reply),
                base_facts=_facts(scene, base_reply),
            )
            for (making, scene, question), reply, base_reply in zip(
                asked, changed, plain, strict=True
            )
        ]


def _facts(scene: Scene, reply: Reply) -> float | None:
    if not isinstance(reply, Answer):
        return None
    return float(np.mean(list(score_facts([scene], [reply.text]).values())))
