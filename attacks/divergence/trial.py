"""One trial of the attack: benign traffic and a fingerprint, with and without the defence.

1. Both models answer every benign question and every trigger. 2. Limits are chosen on one half of
the benign questions. 3. Rates are counted on the other half and on the triggers. 4. The verdict on
the suspect alone is set beside that on the suspect behind the defence. Knows neither engines nor
journals: wrap both models in `Journalled` to go on after an interruption.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

from sif.attacks.divergence.benign_traffic import Halves
from sif.attacks.divergence.choose_thresholds import (
    calibrate_thresholds,
    named_by,
    published_thresholds,
)
from sif.attacks.divergence.defence import SemanticDivergenceDefence, refuse_same
from sif.attacks.divergence.exchange import Exchange, exchanges
from sif.attacks.divergence.judge import Judge
from sif.attacks.divergence.sda_json import Cost, Divergence, Rate, Rates, SignalFigures
from sif.attacks.divergence.signal import Signal
from sif.attacks.divergence.thresholds import Kind, Method, Threshold, Thresholds, Values, tabulated
from sif.fingerprint.folder import FingerprintSet, manifest_sha256
from sif.ownership.policy import Policy
from sif.ownership.sequential import decide
from sif.ownership.verdict import Verdict
from sif.types import Answer, Query, Reply, Suspect

Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How limits are chosen, and how the audit judges.

    Attributes:
        kind: calibrated on benign traffic, or a published set.
        fpr: total false-positive rate, where limits are calibrated.
        method: how that is shared among the signals.
        policy: of the audit.
        highest_unrelated: τ_i by trigger, for the published match rate.
    """

    kind: Kind = "calibrated"
    fpr: float = 0.05
    method: Method = "joint"
    policy: Policy
    highest_unrelated: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class _Timed:
    """A signal's values on some exchanges, the seconds they took and the passes."""

    values: list[float | None]
    seconds: float
    passes: int


def try_divergence(
    fingerprint: FingerprintSet,
    suspect: Suspect,
    reference: Suspect,
    *,
    benign: Halves,
    signals: Sequence[Signal],
    rules: Rules,
    report: Report = lambda stage, done, total: None,
) -> Divergence:
    """Runs the attack and measures it.

    Args:
        fingerprint: with its keys.
        suspect: the stolen model.
        reference: a benign one.
        benign: questions to choose limits on, and to report.
        signals: to be combined; a published set takes only those that it names.
        rules: how.
        report: called with a stage, what is done of it and of how much.

    Raises:
        UsageError: the reference is the suspect itself, or too few benign questions.
        SuspectError: a model cannot be reached.
    """
    refuse_same(suspect, reference)
    signals = named_by(rules.kind, signals)
    triggers = [trigger.query() for trigger in fingerprint.triggers]
    chosen_on, seen, marked = (
        _ask(suspect, reference, queries, stage, report)
        for queries, stage in (
            (benign.calibration, "benign, for limits"),
            (benign.reported, "benign, reported"),
            (triggers, "triggers"),
        )
    )
    ordinary = [one for one in signals if one.own_limit is None]
    first = {one.name: _measure(one, chosen_on) for one in ordinary}
    known = tabulated({name: one.values for name, one in first.items()}, len(chosen_on))
    thresholds = _choose(signals, known, rules)
    timed = {one.name: _measure(one, [*seen, *marked]) for one in signals}
    table = tabulated({name: one.values for name, one in timed.items()}, len(seen) + len(marked))
    judge = next((one.figures for one in signals if isinstance(one, Judge)), None)
    defence = SemanticDivergenceDefence(suspect, reference, thresholds, signals)
    without, behind = (_verdict(fingerprint, one, rules) for one in (suspect, defence))
    return Divergence(
        fingerprint=manifest_sha256(fingerprint.folder),
        suspect=suspect.name,
        reference=reference.name,
        thresholds=thresholds,
        calibration=len(chosen_on),
        reported=len(seen),
        triggers=len(triggers),
        signals=tuple(
            _figures(one, timed[one.name], thresholds, _alone(one, known, rules), len(seen))
            for one in signals
        ),
        combined=_rates([bool(thresholds.flagged(values)) for values in table], len(seen)),
        without=without,
        behind=behind,
        cost=_cost([*seen, *marked], [[*_of(one, first), timed[one.name]] for one in signals]),
        judge=judge,
    )


def _ask(
    suspect: Suspect, reference: Suspect, queries: Sequence[Query], stage: str, report: Report
) -> list[Exchange]:
    done: list[Exchange] = []
    for some in exchanges(suspect, reference, queries):
        done += some
        report(stage, len(done), len(queries))
    return done


def _verdict(fingerprint: FingerprintSet, suspect: Suspect, rules: Rules) -> Verdict:
    """On all triggers at once, so that match rates are of the same ones."""
    return decide(
        fingerprint,
        suspect,
        rules.policy,
        highest_unrelated=rules.highest_unrelated,
        batch_size=len(fingerprint.triggers),
    )


def _measure(signal: Signal, exchanges: Sequence[Exchange]) -> _Timed:
    began, before = perf_counter(), signal.passes
    values = signal.measure(exchanges)
    return _Timed(values, perf_counter() - began, signal.passes - before)


def _choose(signals: Sequence[Signal], benign: Sequence[Values], rules: Rules) -> Thresholds:
    if rules.kind == "calibrated":
        return calibrate_thresholds(signals, benign, fpr=rules.fpr, method=rules.method)
    return published_thresholds(rules.kind, signals, benign)


def _alone(signal: Signal, benign: Sequence[Values], rules: Rules) -> Threshold:
    return _choose([signal], benign, rules).limits[0]


def _figures(
    signal: Signal, timed: _Timed, thresholds: Thresholds, alone: Threshold, benign: int
) -> SignalFigures:
    """The first `benign` values are of benign questions, the others of triggers."""
    limit = next(one for one in thresholds.limits if one.signal == signal.name)
    return SignalFigures(
        name=signal.name,
        limit=limit,
        rates=_rates([limit.flags(value) for value in timed.values], benign),
        alone_limit=alone,
        alone=_rates([alone.flags(value) for value in timed.values], benign),
        benign=tuple(timed.values[:benign]),
        fingerprint=tuple(timed.values[benign:]),
        seconds=timed.seconds,
        passes=timed.passes,
    )


def _rates(flags: Sequence[bool], benign: int) -> Rates:
    return Rates(
        false_positives=Rate.of(sum(flags[:benign]), benign),
        detections=Rate.of(sum(flags[benign:]), len(flags) - benign),
    )


def _of(signal: Signal, first: Mapping[str, _Timed]) -> list[_Timed]:
    return [first[signal.name]] if signal.name in first else []


def _cost(exchanges: Sequence[Exchange], timed: Sequence[Sequence[_Timed]]) -> Cost:
    """Signals cost what they did on all that each has seen, as some remember what they saw."""
    seen = [sum(len(one.values) for one in of_signal) for of_signal in timed]
    seconds = [sum(one.seconds for one in of_signal) for of_signal in timed]
    passes = [sum(one.passes for one in of_signal) for of_signal in timed]
    own = _seconds([one.suspect for one in exchanges])
    other = _seconds([one.reference for one in exchanges])
    extra = sum(spent / number for spent, number in zip(seconds, seen, strict=True))
    return Cost(
        questions=len(exchanges),
        suspect_seconds=own,
        reference_seconds=other,
        signal_seconds=extra,
        signal_passes=sum(made / number for made, number in zip(passes, seen, strict=True)),
        ratio=(other + extra) / own if own and other is not None else None,
    )


def _seconds(replies: Sequence[Reply]) -> float | None:
    """The mean time of an answer; None where no engine said."""
    told = [r.seconds for r in replies if isinstance(r, Answer) and r.seconds is not None]
    return sum(told) / len(told) if told else None
