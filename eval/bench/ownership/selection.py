"""Selection is the trap: what becomes of the false-claim rate when keys or triggers are chosen.

Every rule here looks at green counts before it decides which keys, triggers or order the audit
has. The source answers its triggers as it answers ordinary pictures: triggers that do nothing, so
that a source that "does well" was only lucky with its key, and whoever shares its words shares the
luck. Ours looks at nothing. Counts of source and innocent are drawn together, under the same keys.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from sif.eval.bench.ownership.calibration import claim_rates
from sif.eval.bench.ownership.corpus import TextSet
from sif.eval.bench.ownership.draws import draw_pairs
from sif.eval.bench.ownership.process import highest_log10_e_values
from sif.eval.bench.ownership.results import Accusation

KEYS_TRIED = (2, 4, 16)


class _Audits(NamedTuple):
    """Scores of the source and counts of the innocent, by audit and trigger."""

    source: TextSet
    innocent: TextSet
    source_z: Float[np.ndarray, "audits triggers"]
    greens: Int[np.ndarray, "audits triggers"]

    @property
    def z(self) -> Float[np.ndarray, "audits triggers"]:
        return _standard(self.innocent, self.greens)

    def peeked(self) -> Float[np.ndarray, " audits"]:
        """−log10 of the smallest 1 − Φ(z) on the way, z of all words so far."""
        from scipy.stats import norm

        sizes = np.asarray(self.innocent.sizes)
        excess = (self.greens - sizes / 2).cumsum(axis=1)
        z = (excess / np.sqrt(sizes.cumsum() / 4)).max(axis=1)
        return np.asarray(-np.log10(norm.sf(z)))

    def highest(
        self,
        *,
        order: Int[np.ndarray, "audits triggers"] | None = None,
        kept: Bool[np.ndarray, "audits triggers"] | None = None,
    ) -> Float[np.ndarray, " audits"]:
        sizes, greens = np.array([self.innocent.sizes]), self.greens
        if order is not None:
            sizes = np.take_along_axis(np.broadcast_to(sizes, greens.shape), order, axis=1)
            greens = np.take_along_axis(greens, order, axis=1)
        return highest_log10_e_values(self.innocent.null, sizes, greens, kept=kept)


RULES: dict[str, Callable[[_Audits], Float[np.ndarray, " audits"]]] = {
    "ours: every key, every trigger, the committed order": lambda it: it.highest(),
    "a z-test looked at after every trigger": lambda it: it.peeked(),
    "asked strongest first, by the source's score": lambda it: it.highest(
        order=np.argsort(-it.source_z, axis=1)
    ),
    "asked strongest first, by the suspect's own score": lambda it: it.highest(
        order=np.argsort(-it.z, axis=1)
    ),
    "the source's weaker half dropped": lambda it: it.highest(kept=_upper_half(it.source_z)),
    "the suspect's own weaker half dropped": lambda it: it.highest(kept=_upper_half(it.z)),
}


def selection_rules(
    source: TextSet, innocent: TextSet, *, audits: int, rng: np.random.Generator
) -> Iterator[Accusation]:
    """False claims against an innocent by every rule.

    Args:
        source: the owner's answers.
        innocent: another author's answers to the same triggers.
        audits: with fresh keys each.
        rng: of the keys.
    """
    pairs = zip(source.distinct, innocent.distinct, strict=True)
    common = np.mean([len(one & other) / len(other) for one, other in pairs])
    setting = f"{innocent.name}, {common:.0%} of its words the source's"
    some = _draw(source, innocent, keys=1, audits=audits, rng=rng)
    for name, rule in RULES.items():
        yield Accusation(rule=name, setting=setting, rates=claim_rates(rule(some)))
    for keys in KEYS_TRIED:
        drawn = _draw(source, innocent, keys=keys, audits=audits, rng=rng)
        rates = claim_rates(drawn.highest())
        yield Accusation(
            rule=f"the best of {keys} keys for the source", setting=setting, rates=rates
        )


def _draw(
    source: TextSet, innocent: TextSet, *, keys: int, audits: int, rng: np.random.Generator
) -> _Audits:
    """Of several keys for a trigger, the one with most green words in the source's answer."""
    best = draw_pairs(source, innocent, audits, rng)
    for _ in range(keys - 1):
        other = draw_pairs(source, innocent, audits, rng)
        better = other.one > best.one
        best = type(best)(
            *(np.where(better, new, old) for new, old in zip(other, best, strict=True))
        )
    return _Audits(source, innocent, _standard(source, best.one), best.other)


def _standard(
    texts: TextSet, greens: Int[np.ndarray, "audits triggers"]
) -> Float[np.ndarray, "audits triggers"]:
    sizes = np.asarray(texts.sizes)
    return np.asarray((greens - sizes / 2) / np.sqrt(sizes / 4))


def _upper_half(z: Float[np.ndarray, "audits triggers"]) -> Bool[np.ndarray, "audits triggers"]:
    return np.asarray(z > np.median(z, axis=1, keepdims=True))
