"""Claimants who cheat, simulated: what they gain for nothing, and at the price that an audit takes.

Every suspect is innocent and every claimant knows all its answers beforehand. **Keys and orders**:
he has tokens issued until one gives keys that suit the answers, then until one gives an order that
suits the keys; the audit stops where the evidence stands highest. **Orders** alone, against
transfer, where a few triggers move everybody as far as τ allows. **Runs**: he asks several times
with other settings and shows the best. **τ** as small as he likes, against innocents that react by
chance. Gaps: `tests/claims/test_gaps.py`.
"""

from collections.abc import Iterator
from math import log10
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from sif.claims.check_transfer import MARGIN
from sif.claims.tries import tries_of
from sif.eval.ownership.adversarial_order import few_whole, highest
from sif.eval.ownership.corpus import TextSet
from sif.eval.ownership.draws import draw_greens
from sif.eval.ownership.false_claims import claim_rates, highest_log10_e_values
from sif.eval.ownership.results import Accusation
from sif.ownership.chance import chance_reaction
from sif.ownership.transfer import reaction
from sif.watermark.greenlist.count import GreenCount

TOKENS: Final = 32
"""Half of them anchors, half timestamps of the commitment."""
RUNS: Final = 8
TRIGGERS: Final = 48
ALLOWANCE: Final = 0.35
NOTHING: Final = "nothing"


def hostile_claims(
    texts: TextSet, *, audits: int, rng: np.random.Generator
) -> Iterator[Accusation]:
    """False claims of every cheat, before and after what the audit takes off.

    Args:
        texts: of an innocent; their lengths are those of all answers.
        audits: simulated for each cheat.
        rng: of keys, orders and reactions.
    """
    yield from _keys_and_orders(texts, audits, rng)
    yield from _orders(audits, rng)
    yield from _runs(texts, audits, rng)
    yield from _allowances(texts, audits, rng)


def _keys_and_orders(texts: TextSet, audits: int, rng: np.random.Generator) -> Iterator[Accusation]:
    sizes = np.asarray(texts.sizes)
    best, greens = _shown(texts, sizes, audits, rng)
    for _ in range(TOKENS // 2 - 1):
        found, drawn = _shown(texts, sizes, audits, rng)
        greens = np.where((found > best)[:, None], drawn, greens)
        best = np.maximum(best, found)
    for _ in range(TOKENS // 2 - 1):
        order = rng.permuted(np.tile(np.arange(len(sizes)), (audits, 1)), axis=1)
        put = np.take_along_axis(greens, order, axis=1)
        best = np.maximum(best, highest_log10_e_values(texts.null, sizes[order], put))
    tries = tries_of(anchored=True, order="timestamp", secrets=1.0, tokens=float(TOKENS))
    setting = f"keys and orders, the best of {TOKENS // 2} tokens each"
    yield Accusation(rule=NOTHING, setting=setting, rates=claim_rates(best))
    less = best - tries.transfer
    yield Accusation(rule=f"{TOKENS} tokens", setting=setting, rates=claim_rates(less))
    less = best - tries.independence
    rule = f"{TOKENS}² / 4 pairs of keys and order"
    yield Accusation(rule=rule, setting=setting, rates=claim_rates(less))


def _shown(
    texts: TextSet, sizes: Int[np.ndarray, " triggers"], audits: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, " audits"], Int[np.ndarray, "audits triggers"]]:
    """What new keys show of the same answers, and the green words."""
    greens = draw_greens(texts, audits, rng)
    return highest_log10_e_values(texts.null, sizes[None], greens), greens


def _orders(audits: int, rng: np.random.Generator) -> Iterator[Accusation]:
    reactions = np.tile(few_whole(TRIGGERS, ALLOWANCE), (audits, 1))
    best = np.full(audits, -np.inf)
    for _ in range(TOKENS):
        best = np.maximum(best, highest(rng.permuted(reactions, axis=1), ALLOWANCE, "drawn"))
    setting = f"orders against transfer, the best of {TOKENS}"
    yield Accusation(rule=NOTHING, setting=setting, rates=claim_rates(best))
    less = (
        best
        - tries_of(anchored=True, order="timestamp", secrets=1.0, tokens=float(TOKENS)).transfer
    )
    yield Accusation(rule=f"{TOKENS} orders", setting=setting, rates=claim_rates(less))


def _runs(texts: TextSet, audits: int, rng: np.random.Generator) -> Iterator[Accusation]:
    sizes = np.asarray(texts.sizes)
    best = np.max([_shown(texts, sizes, audits, rng)[0] for _ in range(RUNS)], axis=0)
    setting = f"runs, the best of {RUNS}"
    yield Accusation(rule=NOTHING, setting=setting, rates=claim_rates(best))
    less = best - log10(RUNS)
    yield Accusation(rule=f"{RUNS} runs", setting=setting, rates=claim_rates(less))


def _allowances(texts: TextSet, audits: int, rng: np.random.Generator) -> Iterator[Accusation]:
    """Innocents that react by chance, under the smallest τ that passes and under a smaller one."""
    gamma = texts.null.green_size / texts.null.vocabulary_size
    greens = draw_greens(texts, audits, rng)
    seen = np.empty(greens.shape)
    for place, scored in enumerate(texts.sizes):
        table = [
            reaction(GreenCount(green=green, scored=scored), gamma=gamma)
            for green in range(scored + 1)
        ]
        seen[:, place] = np.asarray(table)[greens[:, place]]
    order = rng.permuted(np.tile(np.arange(len(texts.sizes)), (audits, 1)), axis=1)
    seen = np.take_along_axis(seen, order, axis=1)
    least = max(chance_reaction(scored, texts.null) for scored in set(texts.sizes)) + MARGIN
    for allowance, rule in ((least / 5.0, "any τ"), (least, "no τ that chance exceeds")):
        found = highest(seen, allowance, "drawn")
        setting = f"τ of {allowance:.2f}, answers that know no key"
        yield Accusation(rule=rule, setting=setting, rates=claim_rates(found))
