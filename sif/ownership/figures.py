"""Figures that stand in verdict.json beside the evidence and never decide."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

NOTE = (
    "nominal: had the hash keys been drawn at random and in secret before the suspect was made; "
    "they are public numbers, so this is no probability of a false claim"
)


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PublishedScore(_Figures):
    """One trigger as the released detector counts it; of several answers the highest z.

    Attributes:
        id: of the trigger.
        z: (g − γT)/√(Tγ(1−γ)); none if unanswered or of a single word.
        green: green places, repeats included, without the first.
        scored: T, places, without the first.
    """

    id: str
    z: float | None
    green: int | None
    scored: int | None


class PublishedFigures(_Figures):
    """Figures that prove nothing by themselves; part of a verdict in compatibility mode.

    Attributes:
        label: what all of them are.
        note: the assumption that they would need.
        scheme: of the green lists.
        hash_keys: how many different ones.
        searched: triggers whose key was searched for by what the source says.
        nominal_log10_e_value: of all answers together; each word once under each list.
        mean_z: of the released z-scores; none without any.
        clear_share: share of answered triggers with z ≥ 3.5, as the released table has it.
        unrelated: runs of unrelated suspects that `match_rate` of the verdict compares with.
        per_trigger: in the order of asking.
    """

    label: Literal["nominal"] = "nominal"
    note: str = NOTE
    scheme: Literal["simple_0", "simple_1"]
    hash_keys: int
    searched: int
    nominal_log10_e_value: float
    mean_z: float | None
    clear_share: float | None
    unrelated: int = 0
    per_trigger: tuple[PublishedScore, ...]


class GreyBoxFigures(_Figures):
    """Evidence in the probabilities that a suspect gave with its answers; see `grey_box`.

    Attributes:
        log10_e_value: highest running e-value, of null A alone; none without probabilities.
        final_log10_e_value: after the last trigger.
        p_value: min(1, 1/e-value), valid at whatever moment asking stopped.
        triggers: that were answered with probabilities.
        places: of those answers.
        note: what the figures are, or why there are none.
    """

    log10_e_value: float | None = None
    final_log10_e_value: float | None = None
    p_value: float | None = None
    triggers: int = 0
    places: int = 0
    note: str
