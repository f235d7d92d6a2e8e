"""`sif audit-all`: many suspects, one or several fingerprints, one table, one report."""

from enum import StrEnum
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sif.cli import options
from sif.cli.progress import bar
from sif.cli.say import Cell, say, say_json, say_table, say_text
from sif.cli.verify import FAILED_AS_ASKED
from sif.cli.workforce import workforce

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sif.cli.progress import Show
    from sif.session.campaign.desk import CampaignProgress
    from sif.session.campaign.outcome import CampaignResults, PairRow
    from sif.session.campaign.rehearsal import Rehearsal

COLOURS: Final = {"derived": "bold red", "not_shown": "green", "failed": "yellow"}
LONGEST_REASON: Final = 160


class FailIf(StrEnum):
    """Outcomes of which a single one can become an exit code."""

    DERIVED = "derived"
    NOT_SHOWN = "not_shown"
    INCONCLUSIVE = "inconclusive"
    FAILED = "failed"


def audit_all(
    campaign: Annotated[
        Path | None, typer.Argument(metavar="CAMPAIGN.yaml", help="Who is asked about what.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL", help="Ask only these suspects or fingerprints now."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked, and ask nobody.")
    ] = False,
    example: Annotated[
        bool, typer.Option("--example", help="Print a commented campaign file that works.")
    ] = False,
    as_json: options.Json = False,
    fail_if: Annotated[
        FailIf | None, typer.Option(help="Exit with code 3 where a pair ended so, for scripts.")
    ] = None,
    jobs: options.Jobs = None,
    ray: options.Ray = None,
    threads: options.Threads = None,
    worker_cpus: options.WorkerCpus = 1.0,
    worker_gpus: options.WorkerGpus = None,
    worker_memory: options.WorkerMemory = None,
) -> None:
    """Asks every suspect of a campaign about every fingerprint: one table, one report.

    Endpoints are asked side by side, within limits per host, local models one after another, or by
    the workers of --jobs or --ray, each with one in memory. What cannot be asked is a row with its
    reason. After an interruption the same command goes on.

    Example: `sif audit-all --example > campaign.yaml`, then `sif audit-all campaign.yaml`
    """
    from sif.errors import SuspectError, UsageError
    from sif.session.campaign.campaign_file import example_file
    from sif.session.campaign.conduct import audit_all as ask_all
    from sif.session.campaign.outcome import JUDGED
    from sif.session.campaign.rehearsal import rehearse

    if example:
        say_text(example_file())
        return
    if campaign is None:
        raise UsageError("expected a campaign file, got none; `sif audit-all --example` shows one")
    if dry_run:
        told = rehearse(campaign, only=only or ())
        _tell_plan(told, as_json=as_json)
        return
    force = workforce(jobs, ray, threads, worker_cpus, worker_gpus, worker_memory)
    with bar() as show:
        results = ask_all(
            campaign, only=only or (), report=lambda now: _show(show, now), workforce=force
        )
    wanted = [row for row in results.pairs if not only or {row.label, row.fingerprint} & {*only}]
    _tell(results, wanted, as_json=as_json)
    if fail_if is not None and any(row.decision == fail_if.value for row in wanted):
        raise typer.Exit(FAILED_AS_ASKED)
    if not any(row.decision in JUDGED for row in wanted):
        raise SuspectError(f"none of {len(wanted)} pairs came to a verdict; the table says why")


def _show(show: "Show", now: "CampaignProgress") -> None:
    show("triggers asked", now.asked, now.triggers, f"{now.ended} of {now.pairs} pairs ended")


def _tell(results: "CampaignResults", rows: "Sequence[PairRow]", *, as_json: bool) -> None:
    if as_json:
        say_json(results.model_dump_json(indent=2))
        return
    several = len({row.fingerprint for row in rows}) > 1
    heads = ["suspect", *(["fingerprint"] if several else []), "group", "verdict", "log10 E"]
    heads += ["transfer", "answered", "seconds", "reason"]
    table = [
        [row.label, *([row.fingerprint] if several else []), row.group, *_figures(row)]
        for row in rows
    ]
    say_table(heads, table, right=("log10 E", "transfer", "answered", "seconds"), boxed=False)
    say(_in_all(rows), results.to_know)


def _figures(row: "PairRow") -> list[str | Cell]:
    return [
        Cell(row.decision.upper().replace("_", " "), COLOURS.get(row.decision, "")),
        _number(row.log10_e_value),
        _number(row.transfer_log10_e_value),
        f"{row.answered} of {row.questions}",
        "–" if row.seconds is None else f"{row.seconds:.1f}",
        _why(row),
    ]


def _number(value: float | None) -> str:
    """Two digits, never rounded in favour of the claim."""
    return "–" if value is None else f"{floor(100 * value) / 100:.2f}"


def _why(row: "PairRow") -> str:
    """Why there is no verdict, or why questions have no answer; a verdict's own words are long."""
    from sif.session.campaign.outcome import JUDGED

    if row.decision not in JUDGED:
        return _short(row.reason)
    return _short("; ".join(_counted(row.unanswered)))


def _counted(reasons: "Mapping[str, int]") -> list[str]:
    return [f"{reason} ({times})" for reason, times in reasons.items()]


def _short(words: str) -> str:
    return words if len(words) <= LONGEST_REASON else f"{words[:LONGEST_REASON]}…"


def _in_all(rows: "Sequence[PairRow]") -> str:
    ended = [row.decision for row in rows]
    counts = [f"{ended.count(one)} {one.replace('_', ' ')}" for one in dict.fromkeys(sorted(ended))]
    put, got = (sum(getattr(row, name) for row in rows) for name in ("questions", "answered"))
    return f"{len(rows)} pairs: {', '.join(counts)}; {got} of {put} questions answered"


def _tell_plan(told: "Rehearsal", *, as_json: bool) -> None:
    if as_json:
        say_json(told.model_dump_json(indent=2))
        return
    say_table(
        ["suspect", "fingerprint", "questions at most", "host", "now", "remark"],
        [
            [one.label, one.fingerprint, str(one.questions), one.host, one.state, one.remark]
            for one in told.pairs
        ],
        right=("questions at most",),
        boxed=False,
    )
    say_table(
        [
            "host",
            "key sent",
            "suspects",
            "questions at most",
            "at a time",
            "per second",
            "seconds at least",
        ],
        [
            [
                one.host,
                ", ".join(one.keys) or "–",
                str(one.suspects),
                str(one.questions),
                str(one.at_a_time or "1 model"),
                "–" if one.per_second is None else f"{one.per_second:g}",
                "–" if one.seconds is None else f"{one.seconds:.0f}",
            ]
            for one in told.hosts
        ],
        right=("suspects", "questions at most", "at a time", "per second", "seconds at least"),
        boxed=False,
    )
    say(f"{told.questions} questions at most, and nobody was asked", told.to_know)
