"""`sif bench triggers`: methods × suspects × attacks on images, on mini models or on real ones.

1. Every method makes its triggers on the source, once for each set of keys. 2. Every suspect
answers every trigger under every attack on images; one that cannot be had is an outcome with a
reason. 3. Where the pictures' truth is known, the source answers the base images as well. 4. Rows
of counts, tables and plots. Everything is kept in the folder and found again.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import Field, model_validator

from sif.errors import UsageError
from sif.eval.jobs import workers
from sif.eval.study import Findings, Requirement, Settings, Study, Workplace
from sif.eval.triggers.asking import Asking
from sif.eval.triggers.machine import device_fault
from sif.eval.triggers.making import Making
from sif.eval.triggers.mini_roster import FAMILIES, MiniRoster
from sif.eval.triggers.plan import Plan, make_plan, method_fault
from sif.eval.triggers.plots import plots
from sif.eval.triggers.portraits import Portraying
from sif.eval.triggers.real_roster import RealRoster, load_roster
from sif.eval.triggers.requirements import check
from sif.eval.triggers.roster import Roster
from sif.eval.triggers.rows import Outcome, Outcomes, Rows
from sif.eval.triggers.summary import summarise
from sif.eval.triggers.tables import as_everybody, as_outcomes, as_overview
from sif.mini.architecture import Family


class TriggerSettings(Settings):
    """What `sif bench triggers` can be told."""

    roster: str | None = None
    """Real models: llava-1.5-7b, qwen2.5-vl-7b, or a YAML file like theirs; none for mini ones."""
    images: Path | None = None
    """Folder of base images for a roster of real models, any size and format."""
    families: tuple[Family, ...] = Field(default=FAMILIES, min_length=1)
    """Of the mini models, where no roster is named."""
    methods: tuple[str, ...] | None = None
    """Recipes by name or YAML file, changes behind an @: sif@epsilon=8+steps=100; none for the
    roster's own (sif, sif-release). Baselines (ordinary, pla, rna, cropa, difgsm) are methods too,
    on mini models."""
    triggers: int | None = Field(default=None, ge=2)
    """Of a method and set of keys; none for the roster's own (24 on mini models)."""
    seeds: int | None = Field(default=None, ge=1)
    """Sets of keys; none for the roster's own (3 on mini models, 1 on real ones)."""
    seed: int = Field(default=0, ge=0)
    """Of everything random in the first set; the following sets count on."""
    suspects: tuple[str, ...] | None = None
    """Names in the roster; none for everybody."""
    image_attacks: tuple[str, ...] | None = None
    """In the words of `sif verify --image-attack`; none for the roster's own."""
    steps: int | None = Field(default=None, ge=1)
    """Of the optimisation, instead of the recipes'."""
    epsilon: float | None = Field(default=None, ge=1, le=255)
    """Largest change in 1/255, instead of the recipes'."""
    batch: int | None = Field(default=None, ge=1)
    """Triggers optimised together, where the method allows it; none for the roster's own (12 on
    mini models, 8 on real ones)."""
    device: str = "auto"
    """That triggers are made on: auto, cpu, cuda, cuda:1, …"""

    @model_validator(mode="after")
    def _can_be_planned(self) -> "TriggerSettings":
        plans(self)
        return self


class Results(NamedTuple):
    """Rows of counts, and what became of every suspect by roster."""

    rows: Rows
    outcomes: dict[str, tuple[Outcome, ...]]


def run(settings: TriggerSettings, place: Workplace) -> Findings:
    """Runs the study, or goes on with an interrupted one."""
    rows, outcomes = run_plans(plans(settings), place)
    lines = summarise(rows.cells)
    everybody = [outcome for some in outcomes.values() for outcome in some]
    return Findings(
        summary=as_overview(rows) + as_outcomes(everybody),
        details=as_everybody(lines),
        files={
            **plots(lines, rows.costs),
            "suspects.json": Outcomes(rosters=outcomes).model_dump_json(indent=2),
            **{f"{name}.parquet": values for name, values in rows._asdict().items()},
        },
    )


def requirements(settings: TriggerSettings) -> list[Requirement]:
    """What is here and what is not."""
    return [one for plan in plans(settings) for one in check(plan)]


def plans(settings: TriggerSettings) -> list[Plan]:
    """One for each roster.

    Raises:
        UsageError: unknown rosters, methods, suspects, attacks or prompts.
    """
    rosters: list[Roster] = [MiniRoster(family) for family in settings.families]
    if settings.roster is not None:
        rosters = [RealRoster(load_roster(settings.roster), settings.images)]
    return [_plan(settings, roster) for roster in rosters]


def _plan(settings: TriggerSettings, roster: Roster) -> Plan:
    sets = settings.seeds or roster.usual.seeds
    return make_plan(
        roster,
        methods=settings.methods,
        suspects=settings.suspects,
        image_attacks=settings.image_attacks,
        triggers=settings.triggers,
        seeds=range(settings.seed, settings.seed + sets),
        steps=settings.steps,
        epsilon=settings.epsilon,
        batch_size=settings.batch,
        device=settings.device,
    )


def run_plans(some: Sequence[Plan], place: Workplace) -> Results:
    """Carries plans out, or goes on with them.

    Raises:
        UsageError: a method that cannot take part, no base images, or a device that is not there.
        ModelError: a source cannot be loaded, or does not pass the probe.
        FingerprintError, StorageError: the folder was begun with other settings.
        SifError: a process of the pool was killed.
    """
    for plan in some:
        _refuse(plan)
    for plan in some:
        names = [one.name for one in plan.asked]
        plan.roster.prepare(names, place.out, place.show)
    planned = [(plan, _makings(plan, place)) for plan in some]
    askings = [one for plan, makings in planned for one in _askings(plan, makings, place.out)]
    portrayings = [
        Portraying(out=place.out, roster=plan.roster, makings=makings)
        for plan, makings in planned
        if plan.roster.scenes(plan.triggers, plan.seeds[0])
    ]
    with workers(place.jobs, place.show) as hands:
        costs = hands.run([making for _, makings in planned for making in makings])
        asked = hands.run(askings)
        portraits = [portrait for part in hands.run(portrayings) for portrait in part]
    outcomes: dict[str, tuple[Outcome, ...]] = {}
    for asking, (_, outcome) in zip(askings, asked, strict=True):
        name = asking.roster.name
        outcomes[name] = (*outcomes.get(name, ()), outcome)
    return Results(
        Rows([cell for part in asked for cell in part.cells], costs, portraits), outcomes
    )


def _refuse(plan: Plan) -> None:
    faults = [method_fault(plan.roster, method) for method in plan.methods]
    for fault in (*faults, device_fault(plan.device)):
        if fault:
            raise UsageError(fault)
    plan.roster.pictures(plan.triggers, plan.seeds[0])


def _makings(plan: Plan, place: Workplace) -> tuple[Making, ...]:
    return tuple(
        Making(
            out=place.out,
            roster=plan.roster,
            method=method,
            seed=seed,
            count=plan.triggers,
            batch_size=plan.batch_size,
            jobs=place.jobs,
            device=plan.device,
        )
        for method in plan.methods
        for seed in plan.seeds
    )


def _askings(plan: Plan, makings: tuple[Making, ...], out: Path) -> list[Asking]:
    return [
        Asking(
            out=out,
            roster=plan.roster,
            suspect=listed.name,
            makings=makings,
            image_attacks=plan.image_attacks,
        )
        for listed in plan.suspects
    ]


STUDY: Final = Study(
    name="triggers",
    settings=TriggerSettings,
    quick={
        "families": ("llava",),
        "triggers": 8,
        "seeds": 1,
        "image_attacks": ("none", "jpeg:75", "resize:0.5"),
    },
    run=run,
    requirements=requirements,
)
