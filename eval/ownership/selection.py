"""Selection is the trap: what becomes of the false-claim rate when keys or triggers are chosen.

Every rule here looks at green counts before it decides which keys, triggers, pictures or order the
audit has. The source answers its triggers as it answers ordinary pictures: triggers that do
nothing, so that a source that "does well" was only lucky with its key, and whoever shares its words
shares the luck. Ours looks at nothing. Counts of source and innocent are drawn together, under the
same keys.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from sif.eval.ownership.corpus import TextSet
from sif.eval.ownership.draws import draw_masks, draw_pairs
from sif.eval.ownership.false_claims import claim_rates, highest_log10_e_values
from sif.eval.ownership.results import Accusation
from sif.ownership.null import HypergeometricNull

KEYS_TRIED = (2, 4, 16)
WEAK = 1.5
CHUNK = 2500


class _Audits(NamedTuple):
    """Scores of the source; counts and distinct ids of the innocent, by audit and trigger."""

    null: HypergeometricNull
    source_z: Float[np.ndarray, "audits triggers"]
    greens: Int[np.ndarray, "audits triggers"]
    sizes: Int[np.ndarray, "#audits triggers"]

    @property
    def z(self) -> Float[np.ndarray, "audits triggers"]:
        return _standard(self.greens, self.sizes)

    def peeked(self) -> Float[np.ndarray, " audits"]:
        """−log10 of the smallest 1 − Φ(z) on the way, z of all words so far."""
        from scipy.stats import norm

        excess = (self.greens - self.sizes / 2).cumsum(axis=1)
        z = (excess / np.sqrt(self.sizes.cumsum(axis=1) / 4)).max(axis=1)
        return np.asarray(-np.log10(norm.sf(z)))

    def highest(
        self,
        *,
        order: Int[np.ndarray, "audits triggers"] | None = None,
        kept: Bool[np.ndarray, "audits triggers"] | None = None,
    ) -> Float[np.ndarray, " audits"]:
        sizes, greens = self.sizes, self.greens
        if order is not None:
            sizes = np.take_along_axis(np.broadcast_to(sizes, greens.shape), order, axis=1)
            greens = np.take_along_axis(greens, order, axis=1)
        return highest_log10_e_values(self.null, sizes, greens, kept=kept)


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
OTHER_PICTURE = "same key, weak for the source (z < 1.5): the better of two pictures"


def selection_rules(
    source: TextSet, innocent: TextSet, *, triggers: int, audits: int, rng: np.random.Generator
) -> Iterator[Accusation]:
    """False claims against an innocent by every rule.

    Args:
        source: the owner's answers, to as many spare pictures as triggers.
        innocent: another author's answers to the same pictures.
        triggers: of each audit; the first of the pictures are theirs, the next are spare.
        audits: with fresh keys each.
        rng: of the keys.
    """
    mine, theirs = source.first(triggers), innocent.first(triggers)
    pairs = zip(mine.distinct, theirs.distinct, strict=True)
    common = np.mean([len(one & other) / len(other) for one, other in pairs])
    setting = f"{innocent.name}, {common:.0%} of its words the source's"
    some = _draw(mine, theirs, keys=1, audits=audits, rng=rng)
    for name, rule in RULES.items():
        yield Accusation(rule=name, setting=setting, rates=claim_rates(rule(some)))
    for keys in KEYS_TRIED:
        rates = claim_rates(_draw(mine, theirs, keys=keys, audits=audits, rng=rng).highest())
        yield Accusation(rule=_tried(keys), setting=setting, rates=rates)
    parts = [
        _other_picture(source, innocent, triggers, min(CHUNK, audits - start), rng).highest()
        for start in range(0, audits, CHUNK)
    ]
    rates = claim_rates(np.concatenate(parts))
    yield Accusation(rule=OTHER_PICTURE, setting=setting, rates=rates)


def _tried(keys: int) -> str:
    return f"the best of {keys} keys for the source"


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
    source_z = _standard(best.one, np.array([source.sizes]))
    return _Audits(innocent.null, source_z, best.other, np.array([innocent.sizes]))


def _other_picture(
    source: TextSet, innocent: TextSet, triggers: int, audits: int, rng: np.random.Generator
) -> _Audits:
    """One key a trigger; where the source does badly, the better for it of two pictures."""
    columns = [
        _one_trigger(source, innocent, (place, place + triggers), audits, rng)
        for place in range(triggers)
    ]
    source_z, greens, sizes = (np.stack(some, axis=1) for some in zip(*columns, strict=True))
    return _Audits(innocent.null, source_z, greens, sizes)


def _one_trigger(
    source: TextSet,
    innocent: TextSet,
    pictures: tuple[int, int],
    audits: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Score of the source, count and size of the innocent, for the picture that is kept."""
    texts = [some.distinct[place] for place in pictures for some in (source, innocent)]
    used = sorted(frozenset().union(*texts))
    masks = draw_masks(source.null, len(used), audits, rng)
    greens = [masks[:, [index in text for index in used]].sum(axis=1) for text in texts]
    first, second = (_standard(greens[at], np.array(len(texts[at]))) for at in (0, 2))
    again = (first < WEAK) & (second > first)
    return (
        np.where(again, second, first),
        np.where(again, greens[3], greens[1]),
        np.where(again, len(texts[3]), len(texts[1])),
    )


def _standard(greens: Int[np.ndarray, "..."], sizes: Int[np.ndarray, "..."]) -> np.ndarray:
    return np.asarray((greens - sizes / 2) / np.sqrt(sizes / 4))


def _upper_half(z: Float[np.ndarray, "audits triggers"]) -> Bool[np.ndarray, "audits triggers"]:
    return np.asarray(z > np.median(z, axis=1, keepdims=True))
