"""Benign questions for SDA: some to choose limits on, others to report. Knows no suspects."""

from pathlib import Path
from typing import Final, NamedTuple

from sif.attacks.divergence.benign_traffic import halve, read_benign
from sif.errors import UsageError
from sif.eval.attacks.questions import scenes_of
from sif.eval.attacks.thefts import Job
from sif.eval.real.roster import RealWordsRoster
from sif.eval.triggers.mini_roster import MiniRoster
from sif.eval.triggers.roster import Roster
from sif.mini.real.data import real_samples
from sif.types import GenerationSettings, Query

BENIGN: Final = 7
"""Seed of the scenes of the real-words source; no training and no trigger saw them."""
MISSING: Final = "expected --set benign=DIR with ordinary pictures, or JSONL, got none"


class Ordinary(NamedTuple):
    """Two halves; no picture is in both."""

    limits: list[Query]
    reported: list[Query]


def ordinary(
    roster: Roster, *, number: int, generation: GenerationSettings, source: Path | None
) -> Ordinary:
    """So many questions about scenes of a roster's own world, or those of a folder or file.

    Args:
        roster: whose world, where it has one.
        number: of questions in both halves; of a folder, at most so many.
        generation: as triggers are asked.
        source: folder or JSONL, which real models need.

    Raises:
        UsageError: a roster of real models without a source, or a source without questions.
    """
    if source is not None:
        halves = halve(read_benign(source, generation))
        return Ordinary(*(list(some[: number // 2]) for some in halves))
    if isinstance(roster, MiniRoster):
        job = Job(roster.world)
        sizes = {"limits": number // 2, "benign": number - number // 2}
        drawn = [
            scenes_of(job, number=size, asked=asked, generation=generation)
            for asked, size in sizes.items()
        ]
        return Ordinary(*([one.query for one in some] for some in drawn))
    if isinstance(roster, RealWordsRoster):
        scenes = real_samples(number, seed=[BENIGN, 0], unseen=True)
        queries = [
            Query(
                trigger=f"benign-{place:04d}",
                image=one.image,
                prompt=one.prompt,
                generation=generation,
            )
            for place, one in enumerate(scenes)
        ]
        return Ordinary(queries[: number // 2], queries[number // 2 :])
    raise UsageError(MISSING)
