"""What ways of asking bring out: rows of answers, a table of examples and one of other prompts.

Knows nothing of how the answers came about.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

import numpy as np

from sif.eval.triggers.rows import Cell
from sif.eval.triggers.summary import audits_of, summarise
from sif.markdown import number, table

LEGEND: Final = (
    "Words: mean over all answers. Evidence: log10 of the e-value, for each trigger. DERIVED: "
    "whether the e-value of an audit reached 10⁶ at some moment. The example is what the source "
    "says of a picture that no trigger was made from: its first sentence, or all of it.\n"
)
SHOWN: Final = {"none": "–", "sentence": "one sentence", "full": "all of it"}
K = TypeVar("K", bound=Hashable)


class Elicited(Cell):
    """One suspect's answer to one trigger that it was asked in one way.

    Attributes:
        example: what stood beside the prompt: none, sentence, full, or sentence after.
        minimum: tokens before which no answer ends; 0 where the suspect ends it.
        prompt: the ordinary prompt that replaced the trigger's own; none where that was asked.
        words: of the answer; none without one.
    """

    example: str
    minimum: int
    prompt: str | None
    words: int | None


class Found(NamedTuple):
    """What one suspect shows when it is asked in one way.

    Attributes:
        words: mean length of its answers; none without any.
        green: green share of all scored words; none without any.
        evidence: log10 e-value for each trigger, mean over seeds.
        needed: triggers to 1/α, the median over random orders and seeds; none where those at hand
            do not suffice.
        derived: audits, one a seed, that reached 1/α.
        audits: of how many.
    """

    words: float | None
    green: float | None
    evidence: float
    needed: float | None
    derived: int
    audits: int


def found(rows: Sequence[Elicited]) -> Found:
    """What the answers of one suspect to one method's triggers show, asked in one way."""
    (line,) = summarise(rows)
    words = [row.words for row in rows if row.words is not None]
    audits = audits_of(rows)
    return Found(
        words=float(np.mean(words)) if words else None,
        green=line.green,
        evidence=line.evidence or 0.0,
        needed=line.needed,
        derived=sum(audits),
        audits=len(audits),
    )


def as_tables(rows: Sequence[Elicited]) -> str:
    """All rows, for people: a section for each family and method."""
    sections = _grouped(rows, lambda row: (row.family, row.method))
    text = f"# Asked in other ways\n\n{LEGEND}"
    for (family, method), some in sections.items():
        text += f"\n## {family}, triggers of {method}\n\n{_examples(some)}{_prompts(some)}"
    return text


def _examples(rows: Sequence[Elicited]) -> str:
    heads = ("suspect", "example", "at least", "words", "green", "evidence", "to 10⁻⁶", "DERIVED")
    own = [row for row in rows if row.prompt is None]
    groups = _grouped(own, lambda row: (row.suspect, row.example, row.minimum))
    return table(heads, [_example(*key, found(some)) for key, some in groups.items()])


def _example(suspect: str, example: str, minimum: int, shown: Found) -> list[str]:
    return [
        suspect,
        SHOWN.get(example, "one sentence, after the prompt"),
        f"{minimum} tokens" if minimum else "–",
        number(shown.words, digits=1),
        number(shown.green, digits=3),
        number(shown.evidence),
        "more" if shown.needed is None else f"{shown.needed:g}",
        _derived(shown),
    ]


def _prompts(rows: Sequence[Elicited]) -> str:
    others = [row for row in rows if row.prompt is not None]
    if not others:
        return ""
    suspects = list(dict.fromkeys(row.suspect for row in others))
    lines = []
    for prompt, some in _grouped(others, lambda row: row.prompt).items():
        by_suspect = _grouped(some, lambda row: row.suspect)
        cells = [found(by_suspect[suspect]) for suspect in suspects]
        shown = [f"{number(c.evidence)} ({number(c.words, digits=1)})" for c in cells]
        lines.append([str(prompt), *shown])
    words = "Another ordinary prompt instead of the trigger's own: evidence (words).\n\n"
    return words + table(("prompt", *suspects), lines)


def _grouped(rows: Sequence[Elicited], key: Callable[[Elicited], K]) -> Mapping[K, list[Elicited]]:
    groups: dict[K, list[Elicited]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def _derived(shown: Found) -> str:
    if shown.audits == 1:
        return "yes" if shown.derived else "no"
    return f"{shown.derived} of {shown.audits}"
