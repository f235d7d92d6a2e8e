"""`sif bench triggers`: methods × suspects × attacks on images, on mini models or on real ones.

1. Every method makes its triggers on the source, once for each set of keys. 2. Every suspect
answers every trigger under every attack on images; one that cannot be had is an outcome with a
reason. 3. Where the pictures' truth is known, the source answers the base images as well. 4. Rows
of counts, tables and plots. Everything is kept in the folder and found again.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from sif.errors import UsageError
from sif.eval.study import Findings, Requirement, Study, Workplace
from sif.eval.triggers.asking import Asking
from sif.eval.triggers.hiding import Hiding
from sif.eval.triggers.machine import device_fault
from sif.eval.triggers.making import Making, makings_of
from sif.eval.triggers.overview import as_everybody, as_outcomes, as_overview
from sif.eval.triggers.plan import Plan, TriggerSettings, method_fault, plans
from sif.eval.triggers.plots import plots
from sif.eval.triggers.portraits import Portraying
from sif.eval.triggers.requirements import check
from sif.eval.triggers.rows import Outcome, Outcomes, Rows
from sif.eval.triggers.summary import summarise
from sif.eval.triggers.textual_recipe import is_textual


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
            **{
                f"{name}.parquet": values
                for name, values in rows._asdict().items()
                if values or name != "flagged"
            },
        },
    )


def requirements(settings: TriggerSettings) -> list[Requirement]:
    """What is here and what is not."""
    return [one for plan in plans(settings) for one in check(plan)]


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
        if place.share is not None and len(plan.methods) > 1:
            plan.roster.require_keys(place.out, plan.seeds)
    for plan in some:
        names = [one.name for one in plan.asked]
        plan.roster.prepare(names, place.out, place.show)
    planned = [(plan, makings_of_plan(plan, place)) for plan in some]
    askings = [one for plan, makings in planned for one in _askings(plan, makings, place.out)]
    portrayings = [
        Portraying(out=place.out, roster=plan.roster, makings=pictured)
        for plan, makings in planned
        if (pictured := tuple(one for one in makings if not is_textual(one.method.recipe)))
        and plan.roster.scenes(plan.triggers, plan.seeds[0])
    ]
    hidings = [
        Hiding(out=place.out, roster=plan.roster, makings=makings, reference=plan.reference)
        for plan, makings in planned
        if plan.reference is not None
    ]
    with place.crew() as hands:
        costs = hands.run([making for _, makings in planned for making in makings])
        asked = hands.run(askings)
        portraits = [portrait for part in hands.run(portrayings) for portrait in part]
        flagged = [row for part in hands.run(hidings) for row in part]
    outcomes: dict[str, tuple[Outcome, ...]] = {}
    for asking, (_, outcome) in zip(askings, asked, strict=True):
        name = asking.roster.name
        outcomes[name] = (*outcomes.get(name, ()), outcome)
    return Results(
        Rows([cell for part in asked for cell in part.cells], costs, portraits, flagged), outcomes
    )


def _refuse(plan: Plan) -> None:
    faults = [method_fault(plan.roster, method) for method in plan.methods]
    for fault in (*faults, device_fault(plan.device)):
        if fault:
            raise UsageError(fault)
    plan.roster.pictures(plan.triggers, plan.seeds[0])


def makings_of_plan(plan: Plan, place: Workplace) -> tuple[Making, ...]:
    """One for each method and set of keys of a plan."""
    return makings_of(
        plan.roster,
        place,
        plan.methods,
        seeds=plan.seeds,
        count=plan.triggers,
        batch_size=plan.batch_size,
        device=plan.device,
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
