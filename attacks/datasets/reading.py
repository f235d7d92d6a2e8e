"""Reads a file of questions about pictures, whatever form it has.

A record that is wrong stops the reading and is named by file and line; one that is meant for
something else (words alone, several pictures) is passed over, and how many were is logged.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sif import prompts
from sif.attacks.datasets.coco import captions_of, folders_of, is_coco
from sif.attacks.datasets.forms import FIELDS, form_of
from sif.attacks.datasets.lines import Record, read_records
from sif.attacks.datasets.pair import FaultError, Pair, PassedOver
from sif.attacks.datasets.parquet import is_parquet, rows_of
from sif.attacks.datasets.picture_reference import picture_of
from sif.errors import UsageError
from sif.pictures.reading import place_of

logger = logging.getLogger(__name__)


def read_pairs(path: Path, *, answers: bool) -> list[Pair]:
    """The pairs of a file, in their order.

    Args:
        path: JSON lines, a JSON list, COCO captions, or parquet (also a folder of parquet files);
            paths of pictures are relative to its folder. Fields that are not known are passed over.
        answers: whether each needs an answer; else answers are left out. What has no prompt of its
            own is asked with the ordinary ones in turn.

    Raises:
        UsageError: no such file, or a broken record (says which).
    """
    records, folders = _records(path)
    pairs, passed, all_turns = list[Pair](), Counter[str](), 0
    number = 0
    for record in records:
        number += 1
        try:
            made = list(_pairs(record, folders, answers=answers, number=len(pairs)))
        except PassedOver as why:
            passed[str(why)] += 1
        except FaultError as fault:
            raise UsageError(f"{record.place}: {fault}") from fault
        else:
            pairs += made
            all_turns += len(made) > 1
    if passed:
        words = ", ".join(f"{count} {why}" for why, count in passed.items())
        logger.warning(
            "%s: %d of %d records passed over (%s)", place_of(path), passed.total(), number, words
        )
    if all_turns:
        logger.warning(
            "%s: %d records have several answers; each is learnt or asked alone, without the turns "
            "before it",
            *(place_of(path), all_turns),
        )
    return pairs


def _records(path: Path) -> tuple[Iterable[Record], Sequence[Path]]:
    """The records of a file or folder, and where paths in them may lead from."""
    if path.is_dir():
        tables = sorted(file for file in path.glob("*.parquet") if file.is_file())
        if not tables:
            raise UsageError(
                f"expected a JSONL file, a JSON list or parquet at {place_of(path)}, got a folder "
                "without parquet files"
            )
        return (row for table in tables for row in rows_of(table, FIELDS)), [path]
    if is_parquet(path):
        return rows_of(path, FIELDS), [path.parent]
    records = read_records(path)
    if len(records) == 1 and is_coco(records[0].value):
        return _with_faults(captions_of(records[0].value, place_of(path))), folders_of(path)
    return records, [path.parent, path.parent / "images"]


def _with_faults(records: Iterator[Record]) -> Iterator[Record]:
    try:
        yield from records
    except FaultError as fault:
        raise UsageError(str(fault)) from fault


def _pairs(
    record: Record, folders: Sequence[Path], *, answers: bool, number: int
) -> Iterator[Pair]:
    form = form_of(record.value, answers=answers)
    image = picture_of(form.references, folders)
    ordinary = prompts.load()
    for place, said in enumerate(form.said, start=number):
        yield Pair(
            image=image,
            prompt=ordinary[place % len(ordinary)] if said.prompt is None else said.prompt,
            answer=said.answer if answers else None,
            place=record.place,
        )
