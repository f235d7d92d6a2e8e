"""The benchmark of verdicts: what weights of words buy, and how many questions a claim takes.

1. The source gets a fingerprint for each seed of keys. 2. A panel of innocents, asked for nothing
else, calibrates each. 3. Every suspect answers every trigger. 4. For each suspect: evidence with
and without weights, questions until independence alone and until both nulls are refuted, and the
verdict of a calibrated audit. Everything is kept in the folder and found again. Prints nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log10
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from sif.errors import UsageError
from sif.eval.jobs import Show
from sif.eval.triggers.asking import journalled, model_folder
from sif.eval.triggers.making import Making
from sif.eval.triggers.method import parse_methods
from sif.eval.triggers.roster import Entry, chosen, roster
from sif.eval.triggers.triggers import MARK
from sif.files import claim_folder
from sif.fingerprint.folder import FingerprintSet
from sif.mini.architecture import Family
from sif.ownership.calibration import Calibration, ask_member, calibrate
from sif.ownership.evidence import Evidence
from sif.ownership.observation import Observation
from sif.ownership.policy import Policy
from sif.ownership.sequential import observe
from sif.ownership.verdict import judge
from sif.types import Decision, Query, Reply

PANEL: Final = ("sibling-c", "stranger-c")
SUSPECTS: Final = (
    "source",
    "int8",
    "nf4",
    "pruned-40",
    "lora-same",
    "full-same-b",
    "full-other-world",
    "sibling",
    "sibling-b",
    "stranger-a",
    "stranger-b",
)
ORDERS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictBench:
    """What a benchmark does.

    Attributes:
        out: a new folder, or an earlier benchmark's with the same settings.
        families: of the mini models.
        triggers: of each fingerprint.
        seeds: of the keys.
        suspects: names in the roster.
        panel: names in the roster, asked before and not among the suspects.
        batch_size: triggers optimised together.
    """

    out: Path
    families: tuple[Family, ...] = ("llava", "qwen2_5_vl")
    triggers: int = 24
    seeds: tuple[int, ...] = (0, 1, 2)
    suspects: tuple[str, ...] = SUSPECTS
    panel: tuple[str, ...] = PANEL
    batch_size: int = 12


class Found(NamedTuple):
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


class Allowance(NamedTuple):
    """What calibration gave: τ of every seed."""

    family: str
    allowances: tuple[float, ...]


def run_verdicts(bench: VerdictBench, *, show: Show) -> tuple[list[Found], list[Allowance]]:
    """Runs a benchmark, or goes on with an interrupted one.

    Args:
        bench: what to do.
        show: is told of progress: stage, done, total, a few words.

    Raises:
        UsageError: unknown suspects, or one that is in the panel as well.
        FingerprintError: the folder holds triggers that were made with other settings.
        StorageError: the folder holds something else, or the disk refuses.
        ModelError: the bundled weights are missing.
    """
    if both := set(bench.panel) & set(bench.suspects):
        raise UsageError(
            f"expected suspects that are not in the panel, got {', '.join(sorted(both))}"
        )
    claim_folder(bench.out, mark=MARK, words="Written by `sif bench`; run it again to go on.\n")
    found: list[Found] = []
    allowances: list[Allowance] = []
    for family in bench.families:
        sets = _make(bench, family, show)
        answers = {
            entry.name: _ask(bench.out, family, entry, sets, show)
            for entry in chosen(family, (*bench.panel, *bench.suspects))
        }
        calibrations = [
            calibrate(
                owned,
                [ask_member(owned, _Told(name, answers[name][seed])) for name in bench.panel],
            )
            for seed, owned in enumerate(sets)
        ]
        allowances.append(Allowance(family, tuple(c.allowance for c in calibrations)))
        found += [
            _find(family, name, sets, answers[name], calibrations)
            for name in answers
            if name not in bench.panel
        ]
    return found, allowances


class _Told:
    """A panel's member whose replies are there already."""

    def __init__(self, name: str, replies: Sequence[Reply]) -> None:
        self.name = name
        self._replies = list(replies)

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        some, self._replies = self._replies[: len(queries)], self._replies[len(queries) :]
        return some

    def close(self) -> None:
        """Holds nothing."""


def _make(bench: VerdictBench, family: Family, show: Show) -> list[FingerprintSet]:
    source = model_folder(bench.out / family / "models", roster(family)[0], show)
    (method,) = parse_methods(("sif",))
    makings = [
        Making(
            out=bench.out,
            source=source,
            family=family,
            method=method,
            seed=seed,
            count=bench.triggers,
            batch_size=bench.batch_size,
            jobs=1,
        )
        for seed in bench.seeds
    ]
    for making in makings:
        making.run(show)
    return [FingerprintSet.load(making.folder) for making in makings]


def _ask(
    out: Path, family: Family, entry: Entry, sets: Sequence[FingerprintSet], show: Show
) -> list[list[Reply]]:
    """Replies to every trigger, a list for each set."""
    queries = [trigger.query() for owned in sets for trigger in owned.triggers]
    stage = f"{family}: asking {entry.name}"

    def report(part: float) -> None:
        show(stage, part * len(queries), len(queries), "")

    with journalled(out, family, entry, show) as ask:
        replies = ask(queries, "none", report)
    report(1.0)
    size = len(queries) // len(sets)
    return [replies[start : start + size] for start in range(0, len(replies), size)]


def _find(
    family: Family,
    name: str,
    sets: Sequence[FingerprintSet],
    answers: Sequence[Sequence[Reply]],
    calibrations: Sequence[Calibration],
) -> Found:
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
            "both": Policy(transfer_allowance=calibration.allowance),
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


def _begin(owned: FingerprintSet, policy: Policy) -> Evidence:
    return Evidence(
        vocabulary_size=owned.vocabulary_size, green_size=owned.green_size, policy=policy
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


def as_table(found: Sequence[Found], allowances: Sequence[Allowance]) -> str:
    """All of it as Markdown."""
    lines = [
        "| family | suspect | log10 E a trigger, words alike | weighted | questions to 10⁻⁶, words "
        "alike | weighted | and against transfer | DERIVED |\n",
        "|---|---|---|---|---|---|---|---|\n",
    ]
    for one in found:
        counts = (one.to_plain, one.to_weighted, one.to_both)
        shown = " | ".join("more" if count is None else f"{count:g}" for count in counts)
        lines.append(
            f"| {one.family} | {one.suspect} | {one.plain:.2f} | {one.weighted:.2f} | {shown} | "
            f"{one.derived} of {one.audits} |\n"
        )
    lines.append(
        f"\nEvidence needed: {-log10(Policy().alpha):.0f} against independence, "
        f"{-log10(Policy().alpha_transfer):.0f} against transfer. Transfer allowances: "
        + "; ".join(
            f"{one.family} " + ", ".join(f"{value:.2f}" for value in one.allowances)
            for one in allowances
        )
        + ".\n"
    )
    return "".join(lines)
