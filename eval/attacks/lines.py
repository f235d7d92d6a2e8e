"""What the answers mean: one line for each attack, strength and family. Knows nothing of models."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from sif.eval.attacks.grid import NONE, Attack, Kind
from sif.eval.attacks.price import Price
from sif.eval.attacks.questions import AttackCell
from sif.eval.metrics import Estimate, green_excess, mean_of, published_matches, queries_to_alpha
from sif.eval.triggers.calibrated import calibrated_audits
from sif.eval.triggers.roster import Role
from sif.eval.triggers.rows import Cell, Row
from sif.eval.triggers.summary import (
    ALPHA,
    audits_of,
    by_set,
    counts_of,
    evidence_of,
    null_of,
    score_of,
)
from sif.ownership.share import Share, share_of

SOURCE: Final = "source"

Key = tuple[str, str, str, str]
"""Family, attack, strength, suspect."""


class AttackLine(Row):
    """What one attack at one strength comes to on one family.

    Attributes:
        kind, panel, attack, strength: of the grid.
        parts: all that is done, in words.
        suspect: the source that was stolen or an innocent, by its name in the roster.
        sets: of triggers; `triggers` in all, of which `answered` were answered.
        green: green share of all scored words, with its 95% interval over triggers.
        evidence: log10 of the e-value for each trigger, mean over sets.
        kept: of the same suspect's evidence without attack; none for innocents.
        match: published match rate with its exact 95% interval; τ_i is the largest score of the
            panel, asked about the same picture.
        queries: questions until the e-value reaches 10⁶ in the committed order, the median over
            sets; none where all triggers do not suffice.
        derived: sets whose e-value reached 10⁶.
        calibrated: those that would be DERIVED by an audit calibrated on the panel.
        utility: share of right facts in what the copy is for, with its 95% interval over scenes.
        facts: share of right facts in ordinary descriptions of the source's world.
        shapes, colours, places: the same of these alone.
        models: that answer each question.
        theft_seconds: as in `Price`.
        slowdown: processor time of an answer over that of plain serving, 1 for no difference; none
            where answers were there already, and where several models answer each question.
    """

    family: str
    kind: Kind
    panel: str
    attack: str
    strength: str
    parts: str
    suspect: str
    role: Role
    sets: int
    triggers: int
    answered: int
    green: float | None
    green_low: float | None
    green_high: float | None
    evidence: float
    kept: float | None
    match: float | None
    match_low: float | None
    match_high: float | None
    queries: float | None
    derived: int
    calibrated: int
    utility: float | None
    utility_low: float | None
    utility_high: float | None
    facts: float | None
    shapes: float | None
    colours: float | None
    places: float | None
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


def _line(
    attack: Attack,
    group: Sequence[AttackCell],
    panel: Sequence[Cell],
    plain: Sequence[AttackCell] | None,
    cost: Mapping[str, float | None],
) -> AttackLine:
    first, triggers = group[0], _asked(group, "trigger")
    evidence = evidence_per_set(triggers)
    usual = evidence_per_set(_asked(plain, "trigger")) if plain else 0.0
    benign = _asked(group, "benign")
    job = _asked(group, "job") or benign
    fields = {
        "family": first.family,
        "kind": attack.kind,
        "panel": attack.panel,
        "attack": attack.name,
        "strength": attack.strength,
        "parts": attack.parts,
        "suspect": first.suspect,
        "role": first.role,
        "evidence": evidence,
        "kept": None if first.role == "innocent" or usual <= 0 else evidence / usual,
        **_of_triggers(triggers, panel),
        **_range("utility", mean_of([cell.facts for cell in job])),
        "facts": _mean(cell.facts for cell in benign),
        "shapes": _mean(cell.shapes for cell in benign),
        "colours": _mean(cell.colours for cell in benign),
        "places": _mean(cell.places for cell in benign),
        "models": 1 if attack.reference is None else 2,
        **cost,
    }
    return AttackLine.model_validate(fields)


def _of_triggers(triggers: Sequence[Cell], panel: Sequence[Cell]) -> dict[str, int | float | None]:
    """What answers to the triggers of all sets show, beside those of innocents to the same."""
    sets = by_set(triggers)
    clusters: dict[tuple[int, str], list[Cell]] = defaultdict(list)
    for cell in triggers:
        clusters[cell.seed, cell.trigger].append(cell)
    matches = [hit for some in sets for hit in _matches(some, panel)]
    needed = [_queries(some) for some in sets]
    median = float(np.median([np.inf if value is None else value for value in needed]))
    green = green_excess([counts_of(some) for some in clusters.values()], gamma=0.0)
    return {
        "sets": len(sets),
        "triggers": len(triggers),
        "answered": sum(cell.answered for cell in triggers),
        **_range("green", green),
        **_range("match", share_of(sum(matches), len(matches))),
        "queries": median if np.isfinite(median) else None,
        "derived": sum(audits_of(triggers)),
        "calibrated": sum(audit.derived for audit in calibrated_audits([*panel, *triggers])),
    }


def evidence_per_set(triggers: Sequence[Cell]) -> float:
    """log10 of the e-value for each trigger asked, the mean over sets."""
    return float(np.mean([evidence_of(some) or 0.0 for some in by_set(triggers)]))


def _cost(
    key: Key, attack: Attack, prices: Mapping[tuple[str, str, str], Price]
) -> dict[str, float | None]:
    """What the thief pays; innocents are not stolen, and two models are no slower model."""
    price, plain = prices.get(key[:3]), prices.get((key[0], NONE, ""))
    if key[3] != SOURCE or price is None:
        return {"theft_seconds": None, "slowdown": None}
    usual = _seconds(plain, None)
    own = _seconds(price, plain if attack.only_words else None)
    slowdown = own / usual if usual and own is not None and attack.reference is None else None
    return {"theft_seconds": price.theft_seconds, "slowdown": slowdown}


def _seconds(price: Price | None, plain: Price | None) -> float | None:
    """Of an answer; the model's are those of plain serving where only words are changed."""
    model = plain or price
    if price is None or model is None or model.model_seconds is None:
        return None
    return model.model_seconds + price.words_seconds


def _asked(group: Sequence[AttackCell], what: str) -> list[AttackCell]:
    return [cell for cell in group if cell.asked == what]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _range(name: str, known: Estimate | Share | None) -> dict[str, float | None]:
    """A share with its interval, which ends where shares end."""
    value, low, high = known or (None, None, None)
    return {
        name: value,
        f"{name}_low": None if low is None else max(0.0, low),
        f"{name}_high": None if high is None else min(1.0, high),
    }


def _matches(some: Sequence[Cell], panel: Sequence[Cell]) -> list[bool]:
    """For every trigger of a set whether its score is above those of all the panel."""
    scores: dict[str, dict[str, float | None]] = defaultdict(dict)
    for one in panel:
        if one.seed == some[0].seed:
            scores[one.suspect][one.trigger] = score_of(one)
    theirs = [[row.get(cell.trigger) for cell in some] for row in scores.values()]
    return published_matches([score_of(cell) for cell in some], theirs)


def _queries(some: Sequence[Cell]) -> int | None:
    null = null_of(some)
    counts = [counts_of([cell]) for cell in some]
    if null is None:
        return None
    return queries_to_alpha([one[0] if one else None for one in counts], null, alpha=ALPHA)
