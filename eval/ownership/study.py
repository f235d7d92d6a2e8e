"""`sif bench ownership`: whether the ownership statistics keep their promise, simulated.

1. The null, with drawn and with real keys. 2. Power. 3. The released code's rule. 4. What selection
does. 5. Providers that watermark their own text. 6. Makers who choose the order of asking.
7. Claimants who cheat. 8. Keyed targets. Minutes at most, so it keeps nothing to resume.
"""

from collections.abc import Iterator
from itertools import product
from typing import Final

import numpy as np
from pydantic import Field

from sif.eval.ownership.adversarial_order import adversarial_order
from sif.eval.ownership.corpus import ENGLISH, OWNER, SIBLING, TextSet, load_corpus
from sif.eval.ownership.draws import draw_greens, keyed_greens
from sif.eval.ownership.false_claims import Keys, calibrate, check_p_values
from sif.eval.ownership.hostile import hostile_claims
from sif.eval.ownership.keyed_targets import answer_lists, keyed_targets, list_powers
from sif.eval.ownership.power import power
from sif.eval.ownership.presentation import as_summary, pictures
from sif.eval.ownership.provider import MARKS, Engine, audit_provider
from sif.eval.ownership.released import LISTS, authors, released_rules
from sif.eval.ownership.results import Accusation, Calibration, Power, Provider, PValues, Results
from sif.eval.ownership.selection import selection_rules
from sif.eval.study import Findings, Settings, Study, Workplace
from sif.scale.crew import Show

STRANGER: Final = "llava-stranger-a"
NULL_TEXTS: Final = (ENGLISH, OWNER, STRANGER, "qwen-source")
KEYED_TRIGGERS: Final = {OWNER: 24, ENGLISH: 12}
RATES: Final = (0.6, 0.7, 0.8, 0.9)
SCORED: Final = (20, 40, 80)
UNRELATED: Final = (2, 4, 8)
SELECTION_TRIGGERS: Final = 25
HOSTILE_TRIGGERS: Final = 24
RULES: Final = {"fingerprint": "plain bet", "drawn": "bet divided by v_N"}


class OwnershipSettings(Settings):
    """What `sif bench ownership` can be told."""

    audits: int = Field(default=100_000, ge=1000)
    """Simulated for each set of null texts; the other parts take fixed shares of it."""
    questions: int = Field(default=16, ge=1)
    """To the engine of the providers."""
    seed: int = Field(default=0, ge=0)
    """Of the keys and everything else that is random."""

    def some(self, part: int) -> int:
        """One `part`-th of the audits, at least 100."""
        return max(100, self.audits // part)


def run(settings: OwnershipSettings, place: Workplace) -> Findings:
    """Runs all simulations; shows the same numbers for the same settings."""
    results = simulate(settings, place.show)
    return Findings(
        summary=as_summary(results),
        files={**pictures(results), "results.json": results.model_dump_json(indent=2)},
    )


def simulate(settings: OwnershipSettings, show: Show) -> Results:
    """All simulations; other CPUs may decode the providers' answers differently.

    Args:
        settings: what to do.
        show: is told of progress: stage, done, total, a few words.
    """
    streams = [np.random.default_rng([settings.seed, part]) for part in range(7)]
    calibration, p_values = _null(settings, streams[0], show)
    return Results(
        seed=settings.seed,
        calibration=calibration,
        p_values=p_values,
        power=tuple(_power(settings, streams[1], show)),
        released=tuple(_released(settings, streams[2], show)),
        selection=tuple(_selection(settings, streams[3], show)),
        providers=tuple(_providers(settings, streams[4], show)),
        orders=tuple(_orders(settings, show)),
        hostile=tuple(_hostile(settings, streams[5], show)),
        keyed=tuple(_keyed(settings, streams[6], show)),
        lists=tuple(list_powers()),
    )


def _null(
    settings: OwnershipSettings, rng: np.random.Generator, show: Show
) -> tuple[tuple[Calibration, ...], tuple[PValues, ...]]:
    rows = []
    sets: list[tuple[str, Keys]] = [(name, "drawn") for name in NULL_TEXTS]
    sets += [(name, "real") for name in KEYED_TRIGGERS]
    for done, (name, keys) in enumerate(sets):
        show("null", done, len(sets), f"{name}, {keys} keys")
        texts, greens = _greens(settings, name, keys, rng)
        rows.append((calibrate(texts, greens, keys), check_p_values(texts, greens, keys, rng)))
    show("null", len(sets), len(sets), "")
    one, other = zip(*rows, strict=True)
    return tuple(one), tuple(other)


def _greens(
    settings: OwnershipSettings, name: str, keys: Keys, rng: np.random.Generator
) -> tuple[TextSet, np.ndarray]:
    texts = load_corpus()[name]
    if keys == "drawn":
        return texts, draw_greens(texts, settings.audits, rng)
    texts = texts.first(KEYED_TRIGGERS[name])
    audits = settings.some(10 if name == OWNER else 25)
    return texts, np.stack(list(keyed_greens(texts, audits, rng)))


def _power(settings: OwnershipSettings, rng: np.random.Generator, show: Show) -> Iterator[Power]:
    null, cells = load_corpus()[ENGLISH].null, list(product(SCORED, RATES))
    for done, (scored, rate) in enumerate(cells, start=1):
        yield power(null, scored=scored, rate=rate, audits=settings.some(10), rng=rng)
        show("power", done, len(cells), "")


def _released(
    settings: OwnershipSettings, rng: np.random.Generator, show: Show
) -> Iterator[Accusation]:
    corpus = load_corpus()
    innocents = [some for name, some in corpus.items() if name not in (ENGLISH, OWNER)]
    prose = authors(corpus[ENGLISH], 3)
    cells = [("mini models", innocents, *cell) for cell in product(LISTS, UNRELATED)]
    cells += [("English prose", prose, lists, 2) for lists in LISTS]
    for done, (name, some, lists, unrelated) in enumerate(cells, start=1):
        yield from released_rules(
            some, name=name, lists=lists, unrelated=unrelated, audits=settings.some(10), rng=rng
        )
        show("released rule", done, len(cells), "")


def _selection(
    settings: OwnershipSettings, rng: np.random.Generator, show: Show
) -> Iterator[Accusation]:
    corpus = load_corpus()
    for done, name in enumerate((SIBLING, STRANGER), start=1):
        yield from selection_rules(
            corpus[OWNER],
            corpus[name],
            triggers=SELECTION_TRIGGERS,
            audits=settings.some(5),
            rng=rng,
        )
        show("selection", done, 2, "")


def _providers(
    settings: OwnershipSettings, rng: np.random.Generator, show: Show
) -> Iterator[Provider]:
    engine = Engine.load(settings.questions)
    for done, mark in enumerate(MARKS, start=1):
        texts = engine.answer(mark)
        yield audit_provider(mark, texts, audits=settings.audits, keyed=settings.some(100), rng=rng)
        show("provider watermarks", done, len(MARKS), str(mark))


def _orders(settings: OwnershipSettings, show: Show) -> Iterator[Accusation]:
    show("makers' orders", 0, 1, "")
    for cell in adversarial_order(audits=settings.some(5), seed=settings.seed):
        noise = "" if cell.noise == "none" else f", noise {cell.noise}"
        yield Accusation(
            rule=f"{cell.order} order, {RULES[cell.rule]}",
            setting=f"{cell.maker}{noise}",
            rates=cell.rates,
        )
    show("makers' orders", 1, 1, "")


def _hostile(
    settings: OwnershipSettings, rng: np.random.Generator, show: Show
) -> Iterator[Accusation]:
    show("hostile claimants", 0, 1, "")
    texts = load_corpus()[ENGLISH].first(HOSTILE_TRIGGERS)
    yield from hostile_claims(texts, audits=settings.some(5), rng=rng)
    show("hostile claimants", 1, 1, "")


def _keyed(
    settings: OwnershipSettings, rng: np.random.Generator, show: Show
) -> Iterator[Accusation]:
    lists = answer_lists()
    for done, answers in enumerate(lists, start=1):
        yield from keyed_targets(answers, audits=settings.some(5), rng=rng)
        show("keyed targets", done, len(lists), "")


STUDY: Final = Study(
    name="ownership",
    settings=OwnershipSettings,
    quick={"audits": 10_000, "questions": 4},
    run=run,
    in_parts=False,
    one_thread=True,  # what is decoded may depend on their number
)
