"""What ways of asking bring out, as Markdown: a table of examples and one of other prompts.

Knows nothing of how the answers came about.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

import numpy as np

from sif.eval.metrics import highest_evidence
from sif.eval.triggers.results import Elicited
from sif.eval.triggers.summary import by_set, counts_of, null_of, summarise

ALPHA: Final = 1e-6
LEGEND: Final = (
    "Words: mean over all answers. Evidence: log10 of the e-value, for each trigger. DERIVED: "
    "whether the e-value of an audit reached 10⁶ at some moment. The example is what the source "
    "says of a picture that no trigger was made from: its first sentence, or all of it.\n"
)
SHOWN: Final = {"none": "–", "sentence": "one sentence", "full": "all of it"}
K = TypeVar("K", bound=Hashable)


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
    (line,) = summarise(rows, alpha=ALPHA)
    words = [row.words for row in rows if row.words is not None]
    sets = [(some, null_of(some)) for some in by_set(rows)]
    highest = [highest_evidence(counts_of(s), null) for s, null in sets if null is not None]
    return Found(
        words=float(np.mean(words)) if words else None,
        green=line.green,
        evidence=line.evidence or 0.0,
        needed=line.needed,
        derived=sum(value >= -np.log10(ALPHA) for value in highest),
        audits=len(highest),
    )


def as_table(rows: Sequence[Elicited]) -> str:
    """All rows, for people: a section for each family and method."""
    sections = _grouped(rows, lambda row: (row.family, row.method))
    parts = ["# Asked in other ways\n\n", LEGEND]
    for (family, method), some in sections.items():
        parts += [f"\n## {family}, triggers of {method}\n\n", *_examples(some), *_prompts(some)]
    return "".join(parts)


def _examples(rows: Sequence[Elicited]) -> Iterator[str]:
    names = ("suspect", "example", "at least", "words", "green", "evidence", "to 10⁻⁶", "DERIVED")
    yield _line(names) + "|---" * len(names) + "|\n"
    own = [row for row in rows if row.prompt is None]
    groups = _grouped(own, lambda row: (row.suspect, row.example, row.minimum))
    for (suspect, example, minimum), some in groups.items():
        shown = found(some)
        yield _line(
            (
                suspect,
                SHOWN.get(example, "one sentence, after the prompt"),
                f"{minimum} tokens" if minimum else "–",
                _number(shown.words, 1),
                _number(shown.green, 3),
                _number(shown.evidence, 2),
                "more" if shown.needed is None else f"{shown.needed:g}",
                _derived(shown),
            )
        )


def _prompts(rows: Sequence[Elicited]) -> Iterator[str]:
    others = [row for row in rows if row.prompt is not None]
    if not others:
        return
    suspects = list(dict.fromkeys(row.suspect for row in others))
    yield "\nAnother ordinary prompt instead of the trigger's own: evidence (words).\n\n"
    yield _line(("prompt", *suspects)) + "|---" * (len(suspects) + 1) + "|\n"
    for prompt, some in _grouped(others, lambda row: row.prompt).items():
        by_suspect = _grouped(some, lambda row: row.suspect)
        cells = [found(by_suspect[suspect]) for suspect in suspects]
        yield _line(
            (str(prompt), *(f"{_number(c.evidence, 2)} ({_number(c.words, 1)})" for c in cells))
        )


def _grouped(rows: Sequence[Elicited], key: Callable[[Elicited], K]) -> Mapping[K, list[Elicited]]:
    groups: dict[K, list[Elicited]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def _line(entries: Sequence[str]) -> str:
    return f"| {' | '.join(entries)} |\n"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _derived(shown: Found) -> str:
    if shown.audits == 1:
        return "yes" if shown.derived else "no"
    return f"{shown.derived} of {shown.audits}"
