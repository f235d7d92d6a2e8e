"""The benchmark of the ownership statistics: every simulation, one after the other.

1. The null, with drawn and with real keys. 2. Power. 3. The released code's rule. 4. What selection
does. 5. Providers that watermark their own text. Minutes at most, so it keeps nothing to resume.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from sif.eval.jobs import Show
from sif.eval.ownership.calibration import Keys, calibrate, check_p_values
from sif.eval.ownership.corpus import ENGLISH, OWNER, SIBLING, TextSet, load_corpus
from sif.eval.ownership.draws import draw_greens, keyed_greens
from sif.eval.ownership.power import power
from sif.eval.ownership.provider import MARKS, Engine, audit_provider
from sif.eval.ownership.released import LISTS, authors, released_rules
from sif.eval.ownership.results import Accusation, Calibration, Power, Provider, PValues, Results
from sif.eval.ownership.selection import selection_rules

STRANGER: Final = "llava-stranger-a"
NULL_TEXTS: Final = (ENGLISH, OWNER, STRANGER, "qwen-source")
KEYED_TRIGGERS: Final = {OWNER: 24, ENGLISH: 12}
RATES: Final = (0.6, 0.7, 0.8, 0.9)
SCORED: Final = (20, 40, 80)
UNRELATED: Final = (2, 4, 8)
SELECTION_TRIGGERS: Final = 25
QUICK_AUDITS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnershipBench:
    """What the benchmark does.

    Attributes:
        audits: simulated for each set of null texts; the other parts take fixed shares of it.
        questions: to the engine of the providers.
        seed: of the keys and everything else that is random.
    """

    audits: int = 100_000
    questions: int = 16
    seed: int = 0

    def some(self, part: int) -> int:
        """One `part`-th of the audits, at least 100."""
        return max(100, self.audits // part)


def run_ownership(bench: OwnershipBench, *, show: Show) -> Results:
    """Runs all simulations; the same numbers for the same settings, but for decoding on other CPUs.

    Args:
        bench: what to do.
        show: is told of progress: stage, done, total, a few words.
    """
    streams = [np.random.default_rng([bench.seed, part]) for part in range(5)]
    calibration, p_values = _null(bench, streams[0], show)
    return Results(
        seed=bench.seed,
        calibration=calibration,
        p_values=p_values,
        power=tuple(_power(bench, streams[1], show)),
        released=tuple(_released(bench, streams[2], show)),
        selection=tuple(_selection(bench, streams[3], show)),
        providers=tuple(_providers(bench, streams[4], show)),
    )


def _null(
    bench: OwnershipBench, rng: np.random.Generator, show: Show
) -> tuple[tuple[Calibration, ...], tuple[PValues, ...]]:
    rows = []
    sets: list[tuple[str, Keys]] = [(name, "drawn") for name in NULL_TEXTS]
    sets += [(name, "real") for name in KEYED_TRIGGERS]
    for done, (name, keys) in enumerate(sets):
        show("null", done, len(sets), f"{name}, {keys} keys")
        texts, greens = _greens(bench, name, keys, rng)
        rows.append((calibrate(texts, greens, keys), check_p_values(texts, greens, keys, rng)))
    show("null", len(sets), len(sets), "")
    one, other = zip(*rows, strict=True)
    return tuple(one), tuple(other)


def _greens(
    bench: OwnershipBench, name: str, keys: Keys, rng: np.random.Generator
) -> tuple[TextSet, np.ndarray]:
    texts = load_corpus()[name]
    if keys == "drawn":
        return texts, draw_greens(texts, bench.audits, rng)
    texts = texts.first(KEYED_TRIGGERS[name])
    audits = bench.some(10 if name == OWNER else 25)
    return texts, np.stack(list(keyed_greens(texts, audits, rng)))


def _power(bench: OwnershipBench, rng: np.random.Generator, show: Show) -> Iterator[Power]:
    null, cells = load_corpus()[ENGLISH].null, list(product(SCORED, RATES))
    for done, (scored, rate) in enumerate(cells, start=1):
        yield power(null, scored=scored, rate=rate, audits=bench.some(10), rng=rng)
        show("power", done, len(cells), "")


def _released(bench: OwnershipBench, rng: np.random.Generator, show: Show) -> Iterator[Accusation]:
    corpus = load_corpus()
    innocents = [some for name, some in corpus.items() if name not in (ENGLISH, OWNER)]
    prose = authors(corpus[ENGLISH], 3)
    cells = [("mini models", innocents, *cell) for cell in product(LISTS, UNRELATED)]
    cells += [("English prose", prose, lists, 2) for lists in LISTS]
    for done, (name, some, lists, unrelated) in enumerate(cells, start=1):
        yield from released_rules(
            some, name=name, lists=lists, unrelated=unrelated, audits=bench.some(10), rng=rng
        )
        show("released rule", done, len(cells), "")


def _selection(bench: OwnershipBench, rng: np.random.Generator, show: Show) -> Iterator[Accusation]:
    corpus = load_corpus()
    for done, name in enumerate((SIBLING, STRANGER), start=1):
        yield from selection_rules(
            corpus[OWNER],
            corpus[name],
            triggers=SELECTION_TRIGGERS,
            audits=bench.some(5),
            rng=rng,
        )
        show("selection", done, 2, "")


def _providers(bench: OwnershipBench, rng: np.random.Generator, show: Show) -> Iterator[Provider]:
    engine = Engine.load(bench.questions)
    for done, mark in enumerate(MARKS, start=1):
        texts = engine.answer(mark)
        yield audit_provider(mark, texts, audits=bench.audits, keyed=bench.some(100), rng=rng)
        show("provider watermarks", done, len(MARKS), str(mark))
