"""One part of a study's work: every trigger beside its base image.

How it looks, in numbers that need no trained model, and whether the source still says what is true.
Both pictures are asked the trigger's own question; a wanted answer that replaces a description has
no right facts in it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from sif.eval.training.card import score_facts
from sif.eval.triggers.asking import kept
from sif.eval.triggers.making import Making, load_all
from sif.eval.triggers.roster import Roster
from sif.eval.triggers.rows import Portrait
from sif.mini.world import Scene
from sif.scale.crew import Show
from sif.types import Answer, Reply
from sif.vlm.pixels import to_tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Portraying:
    """All triggers of one roster whose pictures' truth is known.

    Attributes:
        out: the study's folder.
        roster: whose source is asked.
        makings: of the triggers.
    """

    out: Path
    roster: Roster
    makings: tuple[Making, ...]

    def run(self, show: Show) -> list[Portrait]:
        """Asks the source about triggers and base images, and compares."""
        asked = []
        for making, triggers in load_all(self.makings):
            scenes = self.roster.scenes(making.count, making.seed)
            asked += [(making, scenes[q.source_image], q) for q in triggers.questions]
        (source,) = (one.name for one in self.roster.suspects if one.role == "source")
        stage = f"{self.roster.name}: base images"
        with kept(self.roster, source, self.out, show) as ask:
            changed = ask([question.query() for _, _, question in asked], "none", lambda part: None)
            plain = ask(
                [question.base_query() for _, _, question in asked],
                "none",
                lambda part: show(stage, part, 1, "facts"),
            )
        show(stage, 1, 1, "")
        return [
            Portrait(
                family=self.roster.name,
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


class Stealth(NamedTuple):
    """Largest change in units of 1/255, PSNR in dB, SSIM and HaarPSI (1 where nothing changed)."""

    largest_change: int
    psnr: float
    ssim: float
    haarpsi: float


def stealth(image: Image.Image, base: Image.Image) -> Stealth:
    """Compares a picture with the one that it was made from; both of one size."""
    import piq

    levels = [np.asarray(picture.convert("RGB"), np.int16) for picture in (image, base)]
    pair = to_tensor([image]), to_tensor([base])
    return Stealth(
        largest_change=int(np.abs(levels[0] - levels[1]).max()),
        psnr=float(piq.psnr(*pair)),
        ssim=float(piq.ssim(*pair)),
        haarpsi=float(piq.haarpsi(*pair)),
    )


def _facts(scene: Scene, reply: Reply) -> float | None:
    if not isinstance(reply, Answer):
        return None
    return float(np.mean(list(score_facts([scene], [reply.text]).values())))
