"""`sif bench paper`: every table of the SIF paper rebuilt, beside the published figures.

Judge and paraphraser, where they are named, are tried first. 1. The paper's methods make their
triggers on the source, with RFO at several radii as well. 2. Everybody answers them, plain,
compressed and resized. 3. The source answers behind benign models, and with its words changed. 4.
Each published row is set beside its counts, and intervals decide whether it is reproduced.
Everything is kept in the folder and found again.
"""

from dataclasses import replace
from typing import Final

from sif.errors import UsageError
from sif.eval.paper.benign import MISSING
from sif.eval.paper.beside import Evidence
from sif.eval.paper.elsewhere import other_table
from sif.eval.paper.literature import published
from sif.eval.paper.outsiders import files_fault, refuse_unfit
from sif.eval.paper.page import as_page, as_rows
from sif.eval.paper.plans import PaperPlan, PaperSettings, plans_of
from sif.eval.paper.served import Behind, Reworded, Served
from sif.eval.study import Findings, Requirement, Study, Workplace
from sif.eval.triggers.making import Making
from sif.eval.triggers.overview import as_outcomes
from sif.eval.triggers.real_roster import RealRoster
from sif.eval.triggers.requirements import check
from sif.eval.triggers.study import makings_of_plan, run_plans
from sif.files import is_there
from sif.visible import quoted


def run(settings: PaperSettings, place: Workplace) -> Findings:
    """Runs the study, or goes on with an interrupted one."""
    if fault := _no_benign(settings):
        raise UsageError(fault)
    known, plans = published(), plans_of(settings)
    refuse_unfit(settings, [one.plan.roster for one in plans], place.out)
    folders = {"activemark": settings.activemark, "metav": settings.metav}
    others = [other_table(table, folders[table.id]) for table in known.elsewhere]
    rows, outcomes = run_plans([one.plan for one in plans], place)
    with place.crew() as hands:
        served: list[Served] = hands.run(_parts(settings, plans, place))
    cells = [*rows.cells, *(cell for one in served for cell in one.cells)]
    flagged = [row for one in served for row in one.flagged]
    readings = [row for one in served for row in one.readings]
    evidence = Evidence.of(settings, plans, cells, flagged)
    everybody = [outcome for some in outcomes.values() for outcome in some]
    return Findings(
        summary=as_page(known, evidence, readings, others) + as_outcomes(everybody),
        files={
            "paper.parquet": as_rows(known, evidence),
            "cells.parquet": cells,
            "costs.parquet": rows.costs,
            "flagged.parquet": flagged,
            "signals.parquet": readings,
        },
    )


def requirements(settings: PaperSettings) -> list[Requirement]:
    """What is here and what is not, and which tables go without."""
    plans = plans_of(settings)
    found = [need for one in plans for need in check(one.plan)]
    for one in plans:
        found += [
            Requirement(what=f"column {column}", state="set aside", words=reason)
            for column, reason in one.absent.items()
        ]
    if any(_unasked(settings, one) for one in plans):
        found.append(Requirement(what="table of SDA", state="set aside", words=MISSING))
    if fault := _no_benign(settings):
        found.append(Requirement(what="benign questions", state="missing", words=fault))
    for what, given, words in (
        ("table of the judge", settings.judge, "--set judge=openai:URL#MODEL"),
        (
            "table of paraphrase",
            settings.paraphrase,
            "--set paraphrase=openai:URL#MODEL",
        ),
    ):
        state = "ready" if given else "set aside"
        if given and (fault := files_fault(given)):
            state, given = "missing", fault
        found.append(Requirement(what=what, state=state, words=given or words))
    return found


def _parts(
    settings: PaperSettings, plans: list[PaperPlan], place: Workplace
) -> list[Behind | Reworded]:
    parts: list[Behind | Reworded] = []
    for one in plans:
        makings = _makings(one, place)
        if settings.rewordings or settings.judge:
            parts.append(
                Reworded(
                    out=place.out,
                    roster=one.plan.roster,
                    makings=makings,
                    attacks=settings.rewordings,
                    judge=settings.judge,
                )
            )
        if not _unasked(settings, one):
            parts += [
                Behind(
                    out=place.out,
                    roster=one.plan.roster,
                    makings=makings,
                    reference=reference,
                    scenes=settings.scenes,
                    benign=settings.benign,
                )
                for reference in one.references
            ]
    return parts


def _makings(one: PaperPlan, place: Workplace) -> tuple[Making, ...]:
    """Of the methods that are compared, as `run_plans` made them."""
    return makings_of_plan(replace(one.plan, methods=one.compared), place)


def _unasked(settings: PaperSettings, one: PaperPlan) -> bool:
    """Whether there are no benign questions for SDA."""
    return isinstance(one.plan.roster, RealRoster) and settings.benign is None


def _no_benign(settings: PaperSettings) -> str | None:
    """What is wrong where benign questions are named and not there; nothing is made before."""
    if settings.benign is None or is_there(settings.benign):
        return None
    return (
        f"expected a folder or file of benign questions, got {quoted(settings.benign)}, which does "
        "not exist"
    )


STUDY: Final = Study(
    name="paper",
    settings=PaperSettings,
    quick={
        "families": ("llava",),
        "triggers": 8,
        "steps": 150,
        "scenes": 200,
    },
    run=run,
    requirements=requirements,
)
