"""Keyed targets against innocents of every kind, simulated: is a claim as rare as α says?

The real derivation throughout: a fresh secret for each audit, the key of each trigger, its draw
from a list, and what the innocent's *text* says of the list. Each audit stops where its e-value
stands highest. Innocents may know the list, favour one answer, say all of them, fall silent when
they like, and be told after each question what had been drawn. Beside them stand what is not
innocent: claimants who choose their secret or their list by the answers, before and after the
discount for it, and pictures that transfer; and a rule that is wrong, which must be caught.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from math import log10
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from sif.eval.ownership.false_claims import claim_rates
from sif.eval.ownership.results import Accusation, ListPower
from sif.fingerprint.plan import trigger_id
from sif.fingerprint.recipe import KeyedTargetRecipe, load_recipe
from sif.mini.lexicon import vocabulary
from sif.ownership.logspace import log_sum
from sif.ownership.targets import GRID, TargetNull
from sif.watermark.greenlist.count import GreenCount
from sif.watermark.keys import SECRET_BYTES, KeyRing
from sif.watermark.targets import AnswerList

TRIGGERS: Final = 24
TRIES: Final = 32
"""Secrets or lists that a claimant chooses from."""
TRANSFER: Final = 0.2
"""Parts that say the target because the picture transfers."""
ALTERNATIVES: Final = 4
PARTS: Final = (1, 2, 3, 5, 7)
RATES: Final = (0.5, 0.7, 0.9, 0.98)
OURS: Final = "e-value, stopped at its best"
NOTHING: Final = -1

Texts = Callable[[int, np.random.Generator], list[str]]
"""What an innocent says to so many triggers."""


def answer_lists() -> tuple[AnswerList, ...]:
    """A list in parts, that of the recipe `keyed-target`, and a plain one of 64 answers."""
    objective = load_recipe("keyed-target").objective
    assert isinstance(objective, KeyedTargetRecipe)
    return objective.answers, AnswerList(parts=(tuple(vocabulary()[:64]),))


def keyed_targets(
    answers: AnswerList, *, audits: int, rng: np.random.Generator
) -> Iterator[Accusation]:
    """False claims of every innocent, and of those that are none.

    Args:
        answers: the public list.
        audits: simulated for each.
        rng: of secrets and answers.
    """
    null = TargetNull(alternatives=answers.alternatives)
    draws = drawn(answers, audits, rng)
    parts, words = len(answers.parts), answers.alternatives
    setting = f"{parts} parts of {words}" if parts > 1 else f"one of {words}"
    for name, texts in innocents(answers).items():
        seen = _read(answers, texts, audits, rng)
        yield _accused(null, seen == draws, seen != NOTHING, f"{setting}, {name}")
    seen = _told(draws)
    yield _accused(null, seen == draws, seen != NOTHING, f"{setting}, is told what was drawn")
    favourite = _read(answers, innocents(answers)["one answer"], audits, rng)
    yield from _cheats(answers, null, favourite, setting, rng)
    moved = np.where(rng.random(draws.shape) < TRANSFER, draws, favourite)
    name = f"{setting}, {TRANSFER:.0%} of the parts transfer"
    yield _accused(null, moved == draws, moved != NOTHING, name)
    everything = np.ones(draws.shape, dtype=bool)
    yield _accused(null, everything, everything, f"{setting}, all answers", "contains the target")


def list_powers() -> Iterator[ListPower]:
    """What lists of other lengths can give, and bets on parts beside those on whole answers.

    The evidence of a trigger grows by at most the relative entropy of a hit to chance (Kelly).
    """
    for parts, rate in product(PARTS, RATES):
        answers = ALTERNATIVES**parts
        yield ListPower(
            parts=parts,
            answers=answers,
            rate=rate,
            by_parts=parts * _relative_entropy(rate, 1 / ALTERNATIVES),
            whole=_relative_entropy(rate**parts, 1 / answers),
        )


def _relative_entropy(rate: float, chance: float) -> float:
    """Of one coin to another, in powers of ten."""
    return rate * log10(rate / chance) + (1 - rate) * log10((1 - rate) / (1 - chance))


def innocents(answers: AnswerList) -> dict[str, Texts]:
    """What innocents say, by what they are."""
    every = " ".join(word for part in answers.parts for word in part)
    favourite = answers.answer(tuple(len(part) - 1 for part in answers.parts))

    def anything(count: int, rng: np.random.Generator) -> list[str]:
        places = rng.integers(answers.alternatives, size=(count, len(answers.parts)))
        return [answers.answer(tuple(row)) for row in places.tolist()]

    def reader(count: int, rng: np.random.Generator) -> list[str]:
        keys = [(answers.digest[:31] + bytes([index])) for index in range(count)]
        return [answers.answer(answers.draw(key)) for key in keys]

    def stops(count: int, rng: np.random.Generator) -> list[str]:
        lengths = rng.integers(len(answers.parts) + 1, size=count)
        texts = anything(count, rng)
        return [" ".join(text.split()[:n]) for text, n in zip(texts, lengths, strict=True)]

    return {
        "any answer": anything,
        "one answer": lambda count, rng: [favourite] * count,
        "all answers": lambda count, rng: [every] * count,
        "what it draws from the list": reader,
        "stops early": stops,
    }


def drawn(
    answers: AnswerList, audits: int, rng: np.random.Generator
) -> Int[np.ndarray, "audits triggers parts"]:
    """The targets of every audit, each with a fresh secret."""
    ids = [trigger_id(index) for index in range(TRIGGERS)]
    rings = (KeyRing(rng.bytes(SECRET_BYTES)) for _ in range(audits))
    return np.array([[answers.draw(ring.key(one)) for one in ids] for ring in rings], np.int16)


def _read(
    answers: AnswerList, texts: Texts, audits: int, rng: np.random.Generator
) -> Int[np.ndarray, "audits triggers parts"]:
    """What the texts of 100 innocents say of the parts, dealt out to all audits."""
    said = [[answers.read(text) for text in texts(TRIGGERS, rng)] for _ in range(100)]
    places = [[[NOTHING if p is None else p for p in row] for row in one] for one in said]
    return np.asarray(np.array(places, np.int16)[np.arange(audits) % len(places)])


def _told(
    draws: Int[np.ndarray, "audits triggers parts"],
) -> Int[np.ndarray, "audits triggers parts"]:
    """Says of every part what was drawn most recently, and nothing at first."""
    seen = np.full_like(draws, NOTHING)
    seen[:, 1:] = draws[:, :-1]
    return seen


def _cheats(
    answers: AnswerList,
    null: TargetNull,
    seen: Int[np.ndarray, "audits triggers parts"],
    setting: str,
    rng: np.random.Generator,
) -> Iterator[Accusation]:
    """The best of several secrets, or lists, as another draw is all that either gives."""
    draw = partial(rng.integers, answers.alternatives, size=seen.shape, dtype=np.int16)
    best = np.max([highest(null, seen == draw(), seen != NOTHING) for _ in range(TRIES)], axis=0)
    name = f"{setting}, the best of {TRIES} secrets or lists"
    yield Accusation(rule=OURS, setting=name, rates=claim_rates(best))
    rates = claim_rates(best - log10(TRIES))
    yield Accusation(rule=f"less log10 {TRIES}", setting=name, rates=rates)


def highest(
    null: TargetNull,
    hits: np.ndarray,
    said: np.ndarray,
) -> Float[np.ndarray, " audits"]:
    """The largest log10 e-value on the way through each audit's triggers, 0 at the start.

    Args:
        null: that is bet against.
        hits: "audits triggers parts", which say what was drawn.
        said: likewise, which say anything.
    """
    parts = said.shape[2]
    table = np.zeros((parts + 1, parts + 1, len(GRID)))
    for u in range(parts + 1):
        for h in range(u + 1):
            table[h, u] = null.log_bets(GreenCount(green=h, scored=u))
    places = (hits & said).sum(axis=2), said.sum(axis=2)
    best = np.zeros(len(hits))
    wealth = np.full((len(hits), len(GRID)), -np.log(len(GRID)))
    for trigger in range(hits.shape[1]):
        wealth += table[places[0][:, trigger], places[1][:, trigger]]
        np.maximum(best, log_sum(wealth) / np.log(10), out=best)
    return best


def _accused(
    null: TargetNull, hits: np.ndarray, said: np.ndarray, setting: str, rule: str = OURS
) -> Accusation:
    return Accusation(rule=rule, setting=setting, rates=claim_rates(highest(null, hits, said)))
