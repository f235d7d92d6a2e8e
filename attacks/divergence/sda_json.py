"""sda.json: what the attack does to benign traffic and to a fingerprint. Knows no models."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from sif.attacks.divergence.judge import Judged
from sif.attacks.divergence.thresholds import Threshold, Thresholds
from sif.ownership.share import share_of
from sif.ownership.verdict import Verdict


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rate(_Record):
    """Hits of all, with the exact (Clopper–Pearson) 95% interval; no share of nothing."""

    hits: int
    total: int
    share: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, hits: int, total: int) -> "Rate":
        """Counts."""
        share = share_of(hits, total)
        if share is None:
            return cls(hits=hits, total=total, share=None, low=None, high=None)
        return cls(hits=hits, total=total, share=share.share, low=share.low, high=share.high)


class Rates(_Record):
    """Benign questions that were flagged (false positives), and triggers (detections)."""

    false_positives: Rate
    detections: Rate


class SignalFigures(_Record):
    """One signal.

    Attributes:
        limit: within the combination.
        rates: of this limit.
        alone_limit: if it were the only signal, at the whole false-positive rate.
        alone: rates of that limit.
        benign: values on the reported half, in order; none where nothing could be measured.
        fingerprint: values on the triggers, in order.
        seconds: spent on all of these in this call.
        passes: forward passes, or requests of a judge.
    """

    name: str
    limit: Threshold
    rates: Rates
    alone_limit: Threshold
    alone: Rates
    benign: tuple[float | None, ...]
    fingerprint: tuple[float | None, ...]
    seconds: float
    passes: int


class Cost(_Record):
    """What the defence computes besides the suspect's own answers, for a question on average.

    Answers keep the seconds that they took when they were first given. Batches make these smaller
    than those of a question that comes alone.

    Attributes:
        questions: benign ones of the reported half, and triggers.
        suspect_seconds: one answer of the suspect; none where engines did not say.
        reference_seconds: one answer of the reference.
        signal_seconds: all signals; perplexity looks at each distinct prompt once.
        signal_passes: forward passes of all signals; the embedder takes 32 texts in one.
        ratio: of the extra seconds to the suspect's own.
    """

    questions: int
    suspect_seconds: float | None
    reference_seconds: float | None
    signal_seconds: float
    signal_passes: float
    ratio: float | None


class Divergence(_Record):
    """The file.

    Attributes:
        fingerprint: SHA-256 of its manifest.
        suspect: who was asked.
        reference: whose answers stand in.
        thresholds: of the combination.
        calibration: benign questions that limits were chosen on.
        reported: other benign questions, that rates are of.
        triggers: of the fingerprint.
        signals: one for each.
        combined: all together.
        without: the verdict on the suspect as it is.
        behind: the verdict on the suspect behind the defence.
        cost: extra compute.
        judge: what it did; none without one.
    """

    schema_version: Literal[1] = 1
    fingerprint: str
    suspect: str
    reference: str
    thresholds: Thresholds
    calibration: int
    reported: int
    triggers: int
    signals: tuple[SignalFigures, ...]
    combined: Rates
    without: Verdict
    behind: Verdict
    cost: Cost
    judge: Judged | None = None
