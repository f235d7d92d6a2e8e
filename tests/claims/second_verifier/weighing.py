"""From counts to e-values and decisions, with and without a control."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

BETS = ((0.1, 0.1), (0.3, 0.15), (0.6, 0.25), (0.99, 0.5))
LEVEL = 2.0  # -log10 of 1%
Count = tuple[int, int] | None  # green and scored ids; None without an answer


class Weighed(NamedTuple):
    """The highest both e-values ever were, and the decision."""

    log10_e_value: float
    transfer_log10_e_value: float | None
    decision: str


class Control(NamedTuple):
    """What base pictures show. `counts` is in the order of asking."""

    counts: list[tuple[str, Count]]
    log10_e_value: float
    pairs_log10_e_value: float
    log10_left: float
    transfer_log10_left: float | None
    passed: bool


DEFAULT_TILTS = (0.1, 0.15, 0.2, 0.3, 0.45, 0.65, 1.0, 1.5, 2.0, 3.0)
"""By which base pictures are weighed, whatever the policy has."""


def judge(
    counts: Sequence[tuple[str, Count]],
    header: Mapping[str, Any],
    triggers: int,
    asked: int | None = None,
    contrasts: Mapping[str, float] | None = None,
) -> Weighed:
    """The verdict on the first triggers of `asked`, of which there are N in the fingerprint."""
    policy, size = header["policy"], header["vocabulary_size"]
    greens, gamma = sizes(header)
    allowance, other = policy["transfer_allowance"], policy.get("contrast_allowance")
    drawn = policy.get("order", "fingerprint") == "drawn"
    left = range(triggers - (asked or triggers) + 1, triggers)  # N, of which n may be asked
    price = 1.0 + sum(1.0 / n for n in left) / math.e if drawn else 1.0
    reactions, nearer, seen = [], [], [count for _, count in counts]
    for trigger, count in counts:
        if count is not None and count[1] > 0:
            reactions.append(reaction(*count, gamma))
            nearer.append((contrasts or {}).get(trigger, 0.0))
        elif drawn:
            reactions.append(0.0)
            nearer.append(0.0)
    highest = independence(seen, size, greens, policy["tilts"])
    transfer = None
    tested = [(reactions, allowance), (nearer, other)]
    gains = [[one / limit - 1 for one in some] for some, limit in tested if limit is not None]
    if gains:
        transfer = bet(gains, price)
    independent = highest >= -math.log10(policy["alpha"])
    beyond = transfer is None or transfer >= -math.log10(policy["alpha_transfer"])
    answered = sum(count is not None and count[1] > 0 for count in seen)
    few = independent or answered < policy["minimum_answers"]
    decision = "derived" if independent and beyond else "inconclusive" if few else "not_shown"
    return Weighed(highest, transfer, decision)


def independence(counts: Sequence[Count], size: int, greens: int, tilts: Sequence[float]) -> float:
    """log10 of the highest running e-value, at least 1."""
    wealth, highest = [-math.log(len(tilts))] * len(tilts), 0.0
    for count in counts:
        if count is not None and count[1] > 0:
            steps = log_e_values(*count, size, greens, tilts)
            wealth = [old + new for old, new in zip(wealth, steps, strict=True)]
            highest = max(highest, log_sum(wealth) / math.log(10))
    return highest


def bet(several: Sequence[Sequence[float]], price: float = 1.0) -> float:
    """log10 of the highest mean of wealths Σ w Π (1 + f·gain), divided by a price; at least 1."""
    parts, highest = [[math.log(weight) for _, weight in BETS] for _ in several], 0.0
    for gains in zip(*several, strict=True):
        parts = [
            [old + math.log1p(f * gain) for old, (f, _) in zip(part, BETS, strict=True)]
            for part, gain in zip(parts, gains, strict=True)
        ]
        mean = log_sum([log_sum(part) for part in parts]) - math.log(len(parts))
        highest = max(highest, (mean - math.log(price)) / math.log(10))
    return highest


def control(
    counts: Sequence[tuple[str, Count]],
    bases: Sequence[tuple[str, Count]],
    header: Mapping[str, Any],
    triggers: int,
    asked: int,
    runs: int,
    contrasts: Mapping[str, float] | None = None,
) -> tuple[list[tuple[str, Count]], Control]:
    """The counts without triggers whose base picture is silent, and what the control says."""
    policy, size = header["policy"], header["vocabulary_size"]
    greens, gamma = sizes(header)
    lean = independence([count for _, count in bases], size, greens, DEFAULT_TILTS)
    pairs = bet(
        [
            [
                (reaction(*seen, gamma) if seen is not None else 0.0)
                - (reaction(*base, gamma) if base is not None else 1.0)
                for (_, seen), (_, base) in zip(counts, bases, strict=True)
            ]
        ]
    )
    silent = {trigger for trigger, base in bases if base is None}
    kept = [(trigger, None if trigger in silent else seen) for trigger, seen in counts]
    before, after = (judge(some, header, triggers, asked, contrasts) for some in (counts, kept))
    left = min(before.log10_e_value, after.log10_e_value) - lean
    transfer = after.transfer_log10_e_value
    transfer_left = None if transfer is None else transfer - lean
    enough = left >= -math.log10(policy["alpha"]) and (
        transfer_left is None or transfer_left >= -math.log10(policy["alpha_transfer"])
    )
    passed = lean < LEVEL and pairs >= LEVEL + math.log10(runs) and enough
    return kept, Control(list(bases), lean, pairs, left, transfer_left, passed)


def sizes(header: Mapping[str, Any]) -> tuple[int, float]:
    """n, and n/V."""
    greens = math.floor(Fraction(str(header["gamma"])) * header["vocabulary_size"])
    return greens, greens / header["vocabulary_size"]


def log_discount(gaps: int, questions: int) -> float:
    """log10 of what is taken off for questions without an answer."""
    return math.log10(math.e) / 10 + gaps * math.log10(10 * questions)


def log_e_values(
    green: int, scored: int, size: int, greens: int, tilts: Sequence[float]
) -> list[float]:
    """ln of exp(λ g) / E[exp(λ H)], H hypergeometric: exact integers, then logarithms of sums."""
    all_ways = math.log(math.comb(size, scored))
    most = range(max(0, scored - (size - greens)), min(scored, greens) + 1)
    ways = [math.log(math.comb(greens, h) * math.comb(size - greens, scored - h)) for h in most]
    return [
        tilt * green - log_sum([w - all_ways + tilt * h for h, w in zip(most, ways, strict=True)])
        for tilt in tilts
    ]


def reaction(green: int, scored: int, gamma: float) -> float:
    if scored == 0:
        return 0.0
    excess = green / scored - gamma
    z = (green - gamma * scored) / math.sqrt(scored * gamma * (1 - gamma))
    return min(1.0, max(0.0, min(excess / 0.2, z / 3)))


def log_sum(logarithms: Sequence[float]) -> float:
    top = max(logarithms)
    return top + math.log(math.fsum(math.exp(one - top) for one in logarithms))
