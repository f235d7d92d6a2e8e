"""sda.md: a trial in words and tables. Knows no models."""

from collections.abc import Iterator
from math import floor

from sif.attacks.divergence.sda_json import Divergence, Rate, SignalFigures
from sif.ownership.verdict import Verdict

PLOT = "sda.svg"


def as_markdown(found: Divergence) -> str:
    """The whole page."""
    return "\n".join([*_head(found), *_signals(found), *_audits(found), *_extra(found), ""])


def _head(found: Divergence) -> Iterator[str]:
    yield "# Semantic divergence attack"
    yield ""
    yield f"Suspect: `{found.suspect}`  "
    yield f"Reference: `{found.reference}`  "
    yield f"Limits: {limits(found)}  "
    yield (
        f"Rates: of {found.reported} other benign questions and {found.triggers} triggers, with "
        "exact 95% intervals"
    )
    yield ""


def limits(found: Divergence) -> str:
    """How they were chosen, in a few words."""
    chosen = found.thresholds
    match chosen.kind:
        case "paper":
            return "those of the paper"
        case "release":
            return f"percentiles of the released code, on {found.calibration} benign questions"
    return (
        f"chosen for {chosen.fpr:.1%} false positives in all ({chosen.method}) on "
        f"{found.calibration} benign questions"
    )


def _signals(found: Divergence) -> Iterator[str]:
    yield "| signal | limit | benign flagged | triggers flagged | alone | benign | triggers |"
    yield "|---|---|---|---|---|---|---|"
    yield from (_row(signal) for signal in found.signals)
    rates = found.combined
    yield (
        f"| **all together** | | {interval(rates.false_positives)} | "
        f"{interval(rates.detections)} | | | |"
    )
    yield ""
    yield f"![distributions]({PLOT})"
    yield ""


def _row(signal: SignalFigures) -> str:
    limit, alone = signal.limit, signal.alone_limit
    return (
        f"| {signal.name} | {limit.side} {limit.limit:.3g} | "
        f"{interval(signal.rates.false_positives)} | {interval(signal.rates.detections)} | "
        f"{alone.side} {alone.limit:.3g} | {interval(signal.alone.false_positives)} | "
        f"{interval(signal.alone.detections)} |"
    )


def _audits(found: Divergence) -> Iterator[str]:
    yield "| | verdict | log10 E | green | match rate | answered |"
    yield "|---|---|---|---|---|---|"
    for name, verdict in (("the suspect", found.without), ("behind the defence", found.behind)):
        green = "–" if verdict.green_rate is None else f"{verdict.green_rate:.1%}"
        yield (
            f"| {name} | {decision(verdict)} | {evidence(verdict)} | {green} | {match(verdict)} | "
            f"{verdict.answered} |"
        )
    yield ""


def _extra(found: Divergence) -> Iterator[str]:
    yield extra(found)
    if found.judge is not None:
        yield ""
        yield judged(found)


def extra(found: Divergence) -> str:
    """One sentence on the extra compute."""
    cost = found.cost
    if cost.ratio is None or cost.reference_seconds is None or cost.suspect_seconds is None:
        return (
            f"Extra for each question: one answer of the reference, {cost.signal_passes:.2f} "
            f"passes and {cost.signal_seconds:.4f} s of signals."
        )
    return (
        f"Extra for each question: {cost.reference_seconds:.4f} s for the reference's answer and "
        f"{cost.signal_seconds:.4f} s ({cost.signal_passes:.2f} passes) for the signals, beside "
        f"{cost.suspect_seconds:.4f} s for the suspect's own: {cost.ratio:.2f} times as much again."
    )


def judged(found: Divergence) -> str:
    """One sentence on the judge; empty without one."""
    told = found.judge
    if told is None:
        return ""
    return (
        f"Judge: {told.judged} verdicts, {told.refused} refusals, {told.unclear} unclear, "
        f"{told.failed} without a reply; {told.requests} requests in this call, "
        f"{told.prompt_tokens} + {told.completion_tokens} tokens."
    )


def interval(rate: Rate) -> str:
    """As `3 of 40, 7.5% (1.6%–20.4%)`."""
    if rate.share is None:
        return "none"
    return f"{rate.hits} of {rate.total}, {rate.share:.1%} ({rate.low:.1%}–{rate.high:.1%})"


def decision(verdict: Verdict) -> str:
    """In capitals."""
    return verdict.decision.value.upper().replace("_", " ")


def evidence(verdict: Verdict) -> str:
    """The highest log10 e-value, rounded down."""
    return f"{floor(100 * verdict.log10_e_value) / 100:.2f}"


def match(verdict: Verdict) -> str:
    """The published match rate with its interval."""
    if verdict.match_rate is None or verdict.match_interval is None:
        return "– (not calibrated)"
    low, high = verdict.match_interval
    return f"{verdict.match_rate:.2f} ({low:.2f}–{high:.2f})"
