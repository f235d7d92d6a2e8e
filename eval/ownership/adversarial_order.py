"""Null B under makers who choose which triggers move everybody, and when they are asked.

Innocents whose mean reaction to all triggers is exactly the allowance τ, the most that null B
grants them; what the maker decides is how it is spread over the triggers. Each audit is stopped
where the evidence stands highest, which no stopping rule can beat. The order is the maker's, or
drawn; the rule is the old one (`fingerprint`) or that for drawn orders.
"""

from collections.abc import Callable, Iterator
from itertools import product
from math import log
from typing import Final, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from sif.eval.ownership.results import ALPHAS, Rate
from sif.ownership.logspace import LOG_10, log_sum
from sif.ownership.transfer import BETS, WEIGHTS, price_of_order

LEVELS: Final = ALPHAS
Order = Literal["maker's", "drawn"]
Rule = Literal["fingerprint", "drawn"]
Means = Callable[[int, float], np.ndarray]


def movers_first(triggers: int, limit: float) -> Float[np.ndarray, " triggers"]:
    """A quarter moves everybody, as far as the mean allows, and comes first."""
    movers = triggers // 4
    high = min(1.0, 0.9 * limit * triggers / movers)
    rest = (limit * triggers - movers * high) / (triggers - movers)
    return np.array([high] * movers + [rest] * (triggers - movers))


def alternating(triggers: int, limit: float) -> Float[np.ndarray, " triggers"]:
    """Twice the allowance, nothing, and so on."""
    return np.where(np.arange(triggers) % 2 == 0, 2.0 * limit, 0.0)


def one_huge(triggers: int, limit: float) -> Float[np.ndarray, " triggers"]:
    """One trigger moves everybody wholly, all others alike and less."""
    rest = (limit * triggers - 1.0) / (triggers - 1)
    return np.array([1.0] + [rest] * (triggers - 1))


def few_whole(triggers: int, limit: float) -> Float[np.ndarray, " triggers"]:
    """As many as the mean allows move everybody wholly, the others nobody."""
    whole = int(limit * triggers)
    means = np.zeros(triggers)
    means[:whole] = 1.0
    means[whole] = limit * triggers - whole
    return means


def all_equal(triggers: int, limit: float) -> Float[np.ndarray, " triggers"]:
    """Every trigger moves everybody by the allowance."""
    return np.full(triggers, limit)


MAKERS: Final[dict[str, Means]] = {
    "movers first": movers_first,
    "alternating": alternating,
    "one huge": one_huge,
    "few whole": few_whole,
    "all equal": all_equal,
}
NOISE: Final = ("none", "coins", "beta")
"""How a reaction varies about its mean: not at all, 0 or 1, or between."""


class FalseClaims(NamedTuple):
    """How often a rule excludes transfer for innocents at the allowance."""

    maker: str
    noise: str
    order: Order
    rule: Rule
    triggers: int
    rates: tuple[Rate, ...]


def react(
    means: Float[np.ndarray, "audits triggers"], noise: str, rng: np.random.Generator
) -> Float[np.ndarray, "audits triggers"]:
    """Reactions with these means."""
    if noise == "coins":
        return (rng.random(means.shape) < means).astype(np.float64)
    if noise == "beta":
        inner = np.clip(means, 1e-9, 1.0 - 1e-9)
        drawn = rng.beta(4.0 * inner, 4.0 * (1.0 - inner))
        return np.where((means > 0.0) & (means < 1.0), drawn, means)
    return means


def highest(
    reactions: Float[np.ndarray, "audits triggers"], limit: float, rule: Rule
) -> Float[np.ndarray, " audits"]:
    """The largest log10 e-value against transfer at any time."""
    wealth = np.stack(
        [
            np.log1p(bet * (reactions / limit - 1.0)).cumsum(axis=1) + log(weight)
            for bet, weight in zip(BETS, WEIGHTS, strict=True)
        ],
        axis=-1,
    )
    price = log(price_of_order(reactions.shape[1])) if rule == "drawn" else 0.0
    return np.asarray((log_sum(wealth).max(axis=1) - price) / LOG_10)


def false_claims(
    maker: str,
    *,
    noise: str,
    order: Order,
    rule: Rule,
    triggers: int,
    limit: float,
    audits: int,
    rng: np.random.Generator,
) -> FalseClaims:
    """One cell: audits of innocents under one maker, order and rule."""
    means = np.tile(MAKERS[maker](triggers, limit), (audits, 1))
    if order == "drawn":
        means = rng.permuted(means, axis=1)
    found = highest(react(means, noise, rng), limit, rule)
    rates = tuple(Rate.of(int((found >= -np.log10(a)).sum()), audits, a) for a in LEVELS)
    return FalseClaims(maker, noise, order, rule, triggers, rates)


def adversarial_order(
    *, triggers: int = 48, limit: float = 0.35, audits: int = 20_000, seed: int = 0
) -> Iterator[FalseClaims]:
    """Every maker and noise: the old rule in the maker's order, the new one in a drawn order."""
    rng = np.random.default_rng([seed, 20])
    ways: tuple[tuple[Order, Rule], ...] = (
        ("maker's", "fingerprint"),
        ("drawn", "fingerprint"),
        ("drawn", "drawn"),
    )
    for maker, noise, (order, rule) in product(MAKERS, NOISE, ways):
        yield false_claims(
            maker,
            noise=noise,
            order=order,
            rule=rule,
            triggers=triggers,
            limit=limit,
            audits=audits,
            rng=rng,
        )


class Cost(NamedTuple):
    """Questions until transfer is excluded: median and 90% quantile over orders; none if never."""

    rule: Rule
    level: float
    median: float | None
    ninety: float | None


def questions_taken(
    reactions: Float[np.ndarray, "audits triggers"], limit: float, rule: Rule, level: float
) -> Cost:
    """What copies take that react like this, each row in its order of asking."""
    audits, triggers = reactions.shape
    first = np.full(audits, np.inf)
    for asked in range(triggers, 0, -1):
        price = log(price_of_order(triggers)) if rule == "drawn" else 0.0
        wealth = np.stack(
            [
                np.log1p(bet * (reactions[:, :asked] / limit - 1.0)).sum(axis=1) + log(weight)
                for bet, weight in zip(BETS, WEIGHTS, strict=True)
            ],
            axis=-1,
        )
        first[log_sum(wealth) - price >= -log(level)] = asked
    median, ninety = np.quantile(first, (0.5, 0.9), method="inverted_cdf")
    return Cost(
        rule,
        level,
        float(median) if np.isfinite(median) else None,
        float(ninety) if np.isfinite(ninety) else None,
    )
