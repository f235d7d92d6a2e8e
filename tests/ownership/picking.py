"""Audits of an innocent by somebody who knew the keys and picked pictures to fit, simulated.

Of 200 photographs he takes for each key the one of which his own model says most green words. An
innocent model says some of the same words of it. Counts only, 20,000 audits in a few seconds.
"""

from dataclasses import dataclass
from math import log

import numpy as np

from sif.ownership.control import LIMIT
from sif.ownership.null import HypergeometricNull
from sif.ownership.policy import TILTS
from sif.ownership.transfer import BETS, WEIGHTS, reaction
from sif.watermark.greenlist.count import GreenCount

VOCABULARY, GREEN, WORDS = 2000, 1000, 30
TRIGGERS, PHOTOGRAPHS = 24, 200


@dataclass(frozen=True, kw_only=True)
class Cheat:
    """How pictures are picked, and what an innocent makes of them.

    Attributes:
        among: photographs for each key.
        shared: share of the source's words that the innocent says too.
        alike: whether it says the same of trigger and base picture, as of an unmodified one.
        moved: share of its red words that the change of the picture turns green (transfer).
    """

    among: int = PHOTOGRAPHS
    shared: float = 0.7
    alike: bool = False
    moved: float = 0.0


@dataclass(frozen=True)
class Audited:
    """Of every audit, log10: evidence, base pictures, pairs; the highest of each."""

    evidence: np.ndarray
    bases: np.ndarray
    pairs: np.ndarray

    def convicted(self, needed: float) -> float:
        """Share of the audits in which the evidence alone suffices."""
        return float((self.evidence >= needed).mean())

    def passed(self, needed: float) -> float:
        """The same with the control."""
        left = self.evidence - self.bases >= needed
        return float((left & (self.bases < LIMIT) & (self.pairs >= LIMIT)).mean())


def pick(cheat: Cheat, *, audits: int, seed: int) -> Audited:
    """Audits of an innocent on picked pictures."""
    rng = np.random.default_rng(seed)
    shape = (audits, TRIGGERS)
    source = np.zeros(shape, int)
    for _ in range(cheat.among):
        source = np.maximum(source, rng.hypergeometric(GREEN, GREEN, WORDS, shape))

    def says() -> np.ndarray:
        common = rng.binomial(WORDS, cheat.shared, shape)
        kept = rng.hypergeometric(source, WORDS - source, np.maximum(common, 1)) * (common > 0)
        return np.asarray(kept + rng.binomial(WORDS - common, 0.5))

    bases = says()
    triggers = bases if cheat.alike else says()
    triggers = triggers + rng.binomial(WORDS - triggers, cheat.moved)
    return weigh(triggers, bases)


def weigh(triggers: np.ndarray, bases: np.ndarray) -> Audited:
    """What green counts of WORDS words show, by the library's own tables.

    Args:
        triggers: (audits, triggers).
        bases: the same.
    """
    null = HypergeometricNull(vocabulary_size=VOCABULARY, green_size=GREEN)
    counts = [GreenCount(green=green, scored=WORDS) for green in range(WORDS + 1)]
    values = np.stack([null.log_e_values(count, np.asarray(TILTS)) for count in counts])
    leanings = np.array([reaction(count, gamma=GREEN / VOCABULARY) for count in counts])
    differences = leanings[triggers] - leanings[bases]
    pairs = np.log1p(np.asarray(BETS) * differences[..., None])
    return Audited(
        _highest(values[triggers], np.full(len(TILTS), 1 / len(TILTS))),
        _highest(values[bases], np.full(len(TILTS), 1 / len(TILTS))),
        _highest(pairs, np.asarray(WEIGHTS)),
    )


def _highest(logs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    wealth = np.logaddexp.reduce(logs.cumsum(1) + np.log(weights), axis=2) / log(10)
    return np.asarray(np.maximum(wealth.max(1), 0.0))


if __name__ == "__main__":
    for cheat in (
        Cheat(alike=True),
        Cheat(),
        Cheat(shared=1.0),
        Cheat(shared=0.4),
        Cheat(among=10),
        Cheat(among=3),
        Cheat(among=1),
        Cheat(among=10, moved=0.05),
        Cheat(among=10, moved=0.1),
        Cheat(moved=0.05),
        Cheat(moved=0.1),
        Cheat(moved=0.2),
    ):
        found = pick(cheat, audits=20_000, seed=1)
        print(
            cheat,
            *(f"{found.convicted(n):.4f}->{found.passed(n):.4f}" for n in (3.0, 6.0, 13.04)),
            f"bases {(found.bases >= LIMIT).mean():.4f} pairs {(found.pairs >= LIMIT).mean():.4f}",
        )
