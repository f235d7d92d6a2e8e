"""What the answers mean: one line for each attack, strength and family. Knows nothing of models."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from sif.eval.attacks.attack import Attack
from sif.eval.attacks.attacked import NONE
from sif.eval.attacks.figures import evidence_per_set, figures_of
from sif.eval.attacks.rows import AttackCell, AttackLine, Price
from sif.eval.metrics import Estimate, mean_of
from sif.eval.triggers.results import Cell
from sif.eval.triggers.summary import by_set
from sif.ownership.share import Share

SOURCE: Final = "source"

Key = tuple[str, str, str, str]
"""Family, attack, strength, suspect."""


class Range(NamedTuple):
    """A share with its interval, as far as there is one."""

    value: float | None
    low: float | None
    high: float | None


class Cost(NamedTuple):
    """What an attack costs; fields of a line."""

    models: int
    theft_seconds: float | None
    slowdown: float | None


def lines_of(
    attacks: Sequence[Attack],
    cells: Sequence[AttackCell],
    panel: Sequence[Cell],
    prices: Sequence[Price],
) -> list[AttackLine]:
    """All lines, family by family in the order of the attacks.

    Args:
        attacks: of the grid, with the plain one.
        cells: rows of all answers.
        panel: answers of innocents to the same pictures, who set thresholds and allowances.
        prices: what attacks cost.
    """
    groups: dict[Key, list[AttackCell]] = defaultdict(list)
    for cell in cells:
        groups[cell.family, cell.attack, cell.strength, cell.suspect].append(cell)
    beside: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    for one in panel:
        beside[one.family, one.image_attack].append(one)
    known = {(attack.name, attack.strength): attack for attack in attacks}
    costs = {(price.family, price.attack, price.strength): price for price in prices}
    return [
        _line(
            known[key[1:3]],
            group,
            beside[key[0], known[key[1:3]].image],
            groups.get((key[0], NONE, "", key[3])),
            _cost(key, known[key[1:3]], costs),
        )
        for key, group in groups.items()
    ]


def _seconds(price: Price | None, plain: Price | None) -> float | None:
    """Of an answer; the model's are those of plain serving where only words are changed."""
    model = plain or price
    if price is None or model is None or model.model_seconds is None:
        return None
    return model.model_seconds + price.words_seconds


def _line(
    attack: Attack,
    group: Sequence[AttackCell],
    panel: Sequence[Cell],
    plain: Sequence[AttackCell] | None,
    cost: Cost,
) -> AttackLine:
    first, triggers = group[0], _asked(group, "trigger")
    found = figures_of(triggers, panel)
    usual = evidence_per_set(_asked(plain, "trigger")) if plain else 0.0
    benign = _asked(group, "benign")
    job = _asked(group, "job") or benign
    utility = _range(mean_of([cell.facts for cell in job]))
    green, match = _range(found.green), _range(found.match)
    innocent = first.role == "innocent"
    return AttackLine(
        family=first.family,
        kind=attack.kind,
        panel=attack.panel,
        attack=attack.name,
        strength=attack.strength,
        parts=attack.parts,
        suspect=first.suspect,
        role=first.role,
        sets=len(by_set(triggers)),
        triggers=len(triggers),
        answered=sum(cell.answered for cell in triggers),
        green=green.value,
        green_low=green.low,
        green_high=green.high,
        evidence=found.evidence,
        kept=None if innocent or usual <= 0 else found.evidence / usual,
        match=match.value,
        match_low=match.low,
        match_high=match.high,
        queries=found.queries,
        derived=found.derived,
        calibrated=found.calibrated,
        utility=utility.value,
        utility_low=utility.low,
        utility_high=utility.high,
        facts=_mean(benign, lambda cell: cell.facts),
        shapes=_mean(benign, lambda cell: cell.shapes),
        colours=_mean(benign, lambda cell: cell.colours),
        places=_mean(benign, lambda cell: cell.places),
        models=cost.models,
        theft_seconds=cost.theft_seconds,
        slowdown=cost.slowdown,
    )


def _cost(key: Key, attack: Attack, prices: Mapping[tuple[str, str, str], Price]) -> Cost:
    price, plain = prices.get(key[:3]), prices.get((key[0], NONE, ""))
    models = 1 if attack.reference is None else 2
    if key[3] != SOURCE or price is None:
        return Cost(models, None, None)
    usual = _seconds(plain, None)
    own = _seconds(price, plain if attack.only_words else None)
    slowdown = own / usual if usual and own is not None else None
    return Cost(models, price.theft_seconds, slowdown if models == 1 else None)


def _asked(group: Sequence[AttackCell], what: str) -> list[AttackCell]:
    return [cell for cell in group if cell.asked == what]


def _mean(cells: Sequence[AttackCell], read: Callable[[AttackCell], float | None]) -> float | None:
    values = [value for cell in cells if (value := read(cell)) is not None]
    return float(np.mean(values)) if values else None


def _range(known: Estimate | Share | None) -> Range:
    """The interval of a share ends where shares end."""
    if known is None:
        return Range(None, None, None)
    value, low, high = known
    return Range(
        value, None if low is None else max(0.0, low), None if high is None else min(1.0, high)
    )
