"""Reads finished runs for the report: the verdict and the answers behind it.

Asks nobody and judges nothing. The fingerprint is loaded by whoever calls.
"""

from collections import defaultdict
from pathlib import Path

from sif.errors import StorageError
from sif.ownership.run import JOURNAL, read_record, read_verdict
from sif.report.views import FinishedRun
from sif.suspects.kept import KeptAnswers
from sif.types import Answer


def read_finished(run: Path) -> FinishedRun:
    """A finished run.

    Raises:
        StorageError: not a run folder, or a run that was not finished.
    """
    record, verdict = read_record(run), read_verdict(run)
    path = run / JOURNAL
    if not path.is_file():
        raise StorageError(f"expected the journal {path}, got none; run `sif verify` again")
    texts: dict[str, dict[int, str]] = defaultdict(dict)
    with KeptAnswers(path) as journal:
        for entry in journal.answers(record.suspect):
            if isinstance(entry.reply, Answer):
                texts[entry.trigger][entry.repeat] = entry.reply.text
    return FinishedRun(
        suspect=record.suspect,
        verdict=verdict,
        texts={
            trigger: [answers[repeat] for repeat in sorted(answers)]
            for trigger, answers in texts.items()
        },
        label=record.label,
        group=record.group,
        example=record.example,
    )
