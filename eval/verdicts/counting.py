"""What a suspect's answers show: evidence, questions until a claim, and calibrated verdicts.

Knows nothing of models, files or how answers came about.
"""

from collections.abc import Sequence
from math import inf, log10
from typing import Final

import numpy as np
from pydantic import BaseModel

from sif import markdown
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.calibration import Calibration
from sif.ownership.evidence import Evidence
from sif.ownership.observation import Observation
from sif.ownership.order import draw_of
from sif.ownership.policy import Policy
from sif.ownership.sequential import observe
from sif.ownership.verdict import judge
from sif.types import Decision, Reply

ORDERS: Final = 30


class Found(BaseModel):
    """What one suspect shows, over all seeds.

    Attributes:
        plain: log10 e-value for each trigger, all words alike.
        weighted: the same with weights.
        to_plain: questions until 1/α without weights; the median over random orders and seeds,
            none where all triggers do not suffice.
        to_weighted: the same with weights.
        to_both: questions until both nulls are refuted, with weights.
        derived: calibrated audits that ended so, of `audits`.
    """

    family: str
    suspect: str
    plain: float
    weighted: float
    to_plain: float | None
    to_weighted: float | None
    to_both: float | None
    derived: int
    audits: int


class Allowance(BaseModel):
    """What calibration of one fingerprint gave: τ."""

    family: str
    seed: int
    allowance: float


def find(
    family: str,
    name: str,
    sets: Sequence[FingerprintSet],
    answers: Sequence[Sequence[Reply]],
    calibrations: Sequence[Calibration],
) -> Found:
    """Counts what one suspect shows.

    Args:
        family: of the models.
        name: of the suspect.
        sets: fingerprints, one for each seed.
        answers: replies to all triggers of each.
        calibrations: of each.
    """
    plain: list[float] = []
    weighted: list[float] = []
    needed: dict[str, list[float]] = {"plain": [], "weighted": [], "both": []}
    derived = 0
    for owned, replies, calibration in zip(sets, answers, calibrations, strict=True):
        seen = [
            observe(owned, trigger, [reply])
            for trigger, reply in zip(owned.triggers, replies, strict=True)
        ]
        rules = {
            "plain": Policy(weighted=False),
            "weighted": Policy(),
            "both": Policy(transfer_allowance=calibration.allowance, order="drawn"),
        }
        plain.append(_evidence(owned, seen, rules["plain"]) / len(seen))
        weighted.append(_evidence(owned, seen, rules["weighted"]) / len(seen))
        rng = np.random.default_rng(0)
        for _ in range(ORDERS):
            order = [seen[place] for place in rng.permutation(len(seen))]
            for rule, policy in rules.items():
                needed[rule].append(_questions(owned, order, policy))
        verdict = judge(
            seen,
            vocabulary_size=owned.vocabulary_size,
            green_size=owned.green_size,
            policy=rules["both"],
            draw=draw_of(owned, rules["both"]),
        )
        derived += verdict.decision == Decision.DERIVED
    medians = {rule: float(np.median(some)) for rule, some in needed.items()}
    reached = {rule: None if value == inf else value for rule, value in medians.items()}
    return Found(
        family=family,
        suspect=name,
        plain=float(np.mean(plain)),
        weighted=float(np.mean(weighted)),
        to_plain=reached["plain"],
        to_weighted=reached["weighted"],
        to_both=reached["both"],
        derived=derived,
        audits=len(sets),
    )


def as_table(found: Sequence[Found], allowances: Sequence[Allowance]) -> str:
    """All of it as Markdown."""
    heads = (
        "family",
        "suspect",
        "log10 E a trigger, words alike",
        "weighted",
        "questions to 10⁻⁶, words alike",
        "weighted",
        "and against transfer",
        "DERIVED",
    )
    rows = [
        [
            one.family,
            one.suspect,
            f"{one.plain:.2f}",
            f"{one.weighted:.2f}",
            *map(_count, (one.to_plain, one.to_weighted, one.to_both)),
            f"{one.derived} of {one.audits}",
        ]
        for one in found
    ]
    families = dict.fromkeys(one.family for one in allowances)
    told = "; ".join(
        f"{family} "
        + ", ".join(f"{one.allowance:.2f}" for one in allowances if one.family == family)
        for family in families
    )
    return (
        f"{markdown.table(heads, rows)}"
        f"Evidence needed: {-log10(Policy().alpha):.0f} against independence, "
        f"{-log10(Policy().alpha_transfer):.0f} against transfer. Transfer allowances: {told}.\n"
    )


def _count(questions: float | None) -> str:
    return "more" if questions is None else f"{questions:g}"


def _begin(owned: FingerprintSet, policy: Policy) -> Evidence:
    return Evidence(
        vocabulary_size=owned.vocabulary_size,
        green_size=owned.green_size,
        policy=policy,
        draw=draw_of(owned, policy),
    )


def _evidence(owned: FingerprintSet, seen: Sequence[Observation], policy: Policy) -> float:
    evidence = _begin(owned, policy)
    for one in seen:
        evidence.add(one)
    return evidence.log10_e_value


def _questions(owned: FingerprintSet, seen: Sequence[Observation], policy: Policy) -> float:
    """How many until the verdict; infinite where all do not suffice."""
    evidence = _begin(owned, policy)
    for number, one in enumerate(seen, 1):
        evidence.add(one)
        if evidence.reached:
            return float(number)
    return inf
