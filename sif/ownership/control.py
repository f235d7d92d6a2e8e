"""The control: what the pictures that triggers were made from show under the same keys.

Base pictures of all triggers that were asked are asked in the same way: prompts, settings, example,
attacks. An honest maker took them before he knew a key. So whatever the suspect is, a copy or not,

**null K**: its answers to base pictures do not depend on the keys.

Then their green counts are hypergeometric, the e-value of `sif.ownership.evidence` over base
answers is a martingale in the order of asking, and the probability that it ever reaches 1/α among
*all* triggers of the fingerprint is at most α (Ville). Which of them are asked depends on what the
suspect said to triggers, and so on the keys; but the largest value among those asked is no larger
than that among all, so that the bound holds for whatever rule ends the asking. A p-value of the sum
of those asked would not be exact: the number of its parts was chosen by the keys.

Whoever picks pictures, prompts or an example by the keys makes null K false, and it shows. He does
not hide below the level either: what base pictures show is taken off the evidence, and triggers
must differ from them (`sif.ownership.pairs`). Knows counts only.
"""

from collections.abc import Sequence
from math import log10
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from sif.ownership.evidence import Evidence
from sif.ownership.observation import Observation
from sif.ownership.pairs import PairEvidence
from sif.ownership.policy import Policy
from sif.ownership.transfer import reaction
from sif.watermark.greenlist.count import GreenCount

LEVEL: Final = 0.01
"""Largest probability that base pictures of an honest maker lean to green as far as is refused, and
that answers which cannot tell triggers from them pass."""
LIMIT: Final = -log10(LEVEL)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BaseRecord(_Record):
    """One base picture: its green and distinct ids, or why no answer came."""

    id: str
    green: int | None = Field(ge=0)
    scored: int | None = Field(ge=0)
    unanswered: str | None


class ControlFigures(_Record):
    """The control of a verdict.

    Attributes:
        level: of both tests.
        passed: whether base pictures do not lean to green, triggers differ from them, and the
            evidence still suffices when what base pictures show is taken off.
        reason: the same in one sentence.
        runs: against this suspect, among which the owner could choose; their logarithm is asked for
            of pairs besides.
        queries: questions about base pictures.
        unanswered: base pictures without an answer to every question; their triggers show nothing.
        green_rate: green share of all scored ids of base answers; none without any.
        log10_e_value: the highest running e-value of base answers; below -log10(level) if passed.
        p_value: min(1, 1/e-value), valid whatever decided which pictures were asked.
        pairs_log10_e_value: the highest running e-value against null C of `sif.ownership.pairs`; at
            least log10(runs/level) if passed.
        log10_left: of the verdict's evidence, without triggers whose base picture is unanswered and
            less `log10_e_value`.
        transfer_log10_left: the same of that against transfer; none where that is not tested.
        per_trigger: base pictures in the order of asking.
    """

    level: float = LEVEL
    passed: bool
    reason: str
    runs: int = Field(default=1, ge=1)
    queries: int
    unanswered: int
    green_rate: float | None
    log10_e_value: float
    p_value: float
    pairs_log10_e_value: float
    log10_left: float
    transfer_log10_left: float | None
    per_trigger: tuple[BaseRecord, ...]


class BaseEvidence(NamedTuple):
    """What base pictures and pairs show.

    Attributes:
        log10_e_value: the highest of base answers.
        p_value: of it.
        green_rate: of all scored ids.
        pairs_log10_e_value: the highest of pairs.
    """

    log10_e_value: float
    p_value: float
    green_rate: float | None
    pairs_log10_e_value: float


def weigh_bases(
    bases: Sequence[Observation],
    triggers: Sequence[GreenCount | None],
    *,
    vocabulary_size: int,
    green_size: int,
    policy: Policy,
) -> BaseEvidence:
    """Weighs the answers to base pictures, alone and beside those to their triggers.

    Args:
        bases: in the order of asking.
        triggers: the counts of the same triggers; none where one is unanswered.
        vocabulary_size: V.
        green_size: green ids of every trigger.
        policy: whether words have weights. Its guides (`tilts`) are the claimant's, who could
            choose some that see no lean, so that the default ones count here.

    Raises:
        UsageError: a trigger twice, or impossible counts.
    """
    shown = ShownByBases(vocabulary_size=vocabulary_size, green_size=green_size, policy=policy)
    for base, trigger in zip(bases, triggers, strict=True):
        shown.add(base, trigger)
    return shown.figures


class ShownByBases:
    """The running evidence of base pictures, alone and beside their triggers.

    Args:
        vocabulary_size: as of `weigh_bases`, and so are the others.
    """

    def __init__(self, *, vocabulary_size: int, green_size: int, policy: Policy) -> None:
        rules = Policy(weighted=policy.weighted)
        self._evidence = Evidence(
            vocabulary_size=vocabulary_size, green_size=green_size, policy=rules
        )
        self._pairs, self._gamma = PairEvidence(), green_size / vocabulary_size
        self._green = self._scored = 0

    def add(self, base: Observation, trigger: GreenCount | None) -> None:
        """Takes in a base picture and the count of its trigger, if that has one.

        Raises:
            UsageError: a trigger twice, or an impossible count.
        """
        self._evidence.add(base)
        self._pairs.add(
            None if trigger is None else reaction(trigger, gamma=self._gamma),
            None if base.count is None else reaction(base.count, gamma=self._gamma),
        )
        if base.count is not None:
            self._green += base.count.green
            self._scored += base.count.scored

    @property
    def figures(self) -> BaseEvidence:
        """So far."""
        return BaseEvidence(
            log10_e_value=self._evidence.highest,
            p_value=self._evidence.p_value,
            green_rate=self._green / self._scored if self._scored else None,
            pairs_log10_e_value=self._pairs.highest,
        )
