"""A study run in shares, for clusters without Ray: each in a folder of its own, to be joined.

Knows no single study, and prints nothing.
"""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from sif.errors import UsageError
from sif.eval.share_of_parts import ShareDoneError, ShareOfParts
from sif.eval.study import S, Study, Workplace, claim, run_study
from sif.scale.shard import Shard
from sif.study_shares import ShareRecord, claim_share


class ShareRun(NamedTuple):
    """How far a share came.

    Attributes:
        files: of the findings, where the study ended; none before.
        words: what was done, and what is next.
    """

    files: list[Path]
    words: str


def run_share(study: Study[S], settings: S, place: Workplace, shard: Shard) -> ShareRun:
    """Runs a share of the parts of a study's first stage that is not whole, or goes on with it.

    Args:
        study: of which.
        settings: the same in all shares.
        place: with a folder of this share's own: a new one, or a copy of what shares were joined
            to.
        shard: which share.

    Raises:
        UsageError: a study that is not cut into parts, or a folder of another share or of other
            settings.
        StorageError: the folder holds something else, or the disk refuses.
        SifError: whatever else the study raises.
    """
    if not study.in_parts:
        raise UsageError(
            f"--shard: expected a study whose work is cut into parts, got {study.name}, which is "
            "one; leave --shard out"
        )
    record = ShareRecord(
        study=study.name,
        settings=settings.model_dump(mode="json"),
        number=shard.number,
        of=shard.of,
        again=study.again,
    )
    claim(place.out, study)
    claim_share(place.out, record)
    share = ShareOfParts(shard, place.out / record.marks())
    try:
        files = run_study(study, settings, replace(place, share=share))
    except ShareDoneError as done:
        record.keep(place.out, stage=done.stage)
        return ShareRun([], _told(place.out, shard, done))
    record.keep(place.out, stage=share.stages)
    return ShareRun(files, f"{place.out}: every stage is whole, and share {shard} is the study")


def _told(out: Path, shard: Shard, done: ShareDoneError) -> str:
    return (
        f"{out}: share {shard} has done its {done.own} parts of stage {done.stage + 1}, and "
        f"{done.others} are others'. Join all shares by sif merge; in the folder of the whole, the "
        "same command without --shard ends the study, or each share goes on in a copy of it"
    )
