"""`sif bench verdicts`: what weights of words buy, and how many questions a calibrated claim takes.

1. The source gets a fingerprint for each set of keys. 2. A panel of innocents, asked for nothing
else, calibrates each. 3. Every suspect answers every trigger. 4. For each suspect: evidence with
and without weights, questions until independence alone and until both nulls are refuted, and the
verdict of a calibrated audit. Everything is kept in the folder and found again.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import Field, model_validator

from sif.errors import UsageError
from sif.eval.jobs import Call, Show, workers
from sif.eval.study import Findings, Settings, Study, Workplace
from sif.eval.triggers.asking import kept
from sif.eval.triggers.making import Making, green_methods, makings_of
from sif.eval.triggers.mini_roster import FAMILIES, MiniRoster, mini_roster
from sif.eval.triggers.roster import named
from sif.eval.verdicts.counting import Allowance, Found, as_table, find
from sif.fingerprint.folder import FingerprintSet
from sif.mini.architecture import Family
from sif.ownership.calibrating import ask_member, calibrate
from sif.types import Query, Reply

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


class VerdictSettings(Settings):
    """What `sif bench verdicts` can be told."""

    families: tuple[Family, ...] = Field(default=FAMILIES, min_length=1)
    """Of the mini models."""
    triggers: int = Field(default=24, ge=2)
    """Of a fingerprint."""
    seeds: int = Field(default=3, ge=1)
    """Fingerprints of each family, each with keys of its own."""
    suspects: tuple[str, ...] = Field(default=SUSPECTS, min_length=1)
    """Some of the roster of `sif bench triggers`."""
    panel: tuple[str, ...] = Field(default=("sibling-c", "stranger-c"), min_length=1)
    """Innocents of the roster that calibrate; asked before, and not suspected."""
    batch_size: int = Field(default=12, ge=1)
    """Triggers optimised together."""

    @model_validator(mode="after")
    def _suspects_are_others_than_the_panel(self) -> "VerdictSettings":
        if both := set(self.panel) & set(self.suspects):
            raise UsageError(
                f"expected suspects that are not in the panel, got {', '.join(sorted(both))}"
            )
        for family in self.families:
            named(mini_roster(family).suspects, self.everybody)
        return self

    @property
    def everybody(self) -> tuple[str, ...]:
        """The panel and the suspects."""
        return (*self.panel, *self.suspects)


def run(settings: VerdictSettings, place: Workplace) -> Findings:
    """Runs the study, or goes on with an interrupted one."""
    found: list[Found] = []
    allowances: list[Allowance] = []
    for family in settings.families:
        shown, allowed = audit_family(settings, family, place)
        found += shown
        allowances += allowed
    return Findings(
        summary=as_table(found, allowances),
        files={"suspects.parquet": found, "allowances.parquet": allowances},
    )


def audit_family(
    settings: VerdictSettings, family: Family, place: Workplace
) -> tuple[list[Found], list[Allowance]]:
    """Makes fingerprints, asks everybody, calibrates, and counts.

    Raises:
        StorageError: the folder holds triggers that were made with other settings.
        ModelError: the bundled weights are missing.
    """
    roster = mini_roster(family)
    makings = makings_of(
        roster,
        place,
        green_methods(("sif",)),
        seeds=range(settings.seeds),
        count=settings.triggers,
        batch_size=settings.batch_size,
    )
    names = [entry.name for entry in named(roster.suspects, settings.everybody)]
    roster.prepare(names, place.out, place.show)
    with workers(place.jobs, place.show) as hands:
        hands.run(makings)
        asked = hands.run([Call(partial(_ask, roster, makings, place.out, it)) for it in names])
    answers = dict(zip(names, asked, strict=True))
    sets = _sets(makings)
    calibrations = [
        calibrate(
            owned,
            [ask_member(owned, _Told(name, answers[name][seed])) for name in settings.panel],
        )
        for seed, owned in enumerate(sets)
    ]
    suspects = [name for name in names if name not in settings.panel]
    found = [find(family, name, sets, answers[name], calibrations) for name in suspects]
    allowances = [
        Allowance(family=family, seed=seed, allowance=one.allowance)
        for seed, one in enumerate(calibrations)
    ]
    return found, allowances


def _sets(makings: Sequence[Making]) -> list[FingerprintSet]:
    return [FingerprintSet.load(making.folder) for making in makings]


def _ask(
    roster: MiniRoster, makings: tuple[Making, ...], out: Path, name: str, show: Show
) -> list[list[Reply]]:
    """Replies to every trigger, a list for each fingerprint."""
    sets = _sets(makings)
    queries = [trigger.query() for owned in sets for trigger in owned.triggers]
    stage = f"{roster.name}: asking {name}"

    def report(part: float) -> None:
        show(stage, part * len(queries), len(queries), "")

    with kept(roster, name, out, show) as ask:
        replies = ask(queries, "none", report)
    report(1.0)
    size = len(queries) // len(sets)
    return [replies[start : start + size] for start in range(0, len(replies), size)]


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


STUDY: Final = Study(
    name="verdicts",
    settings=VerdictSettings,
    quick={"families": ("llava",), "seeds": 1},
    run=run,
)
