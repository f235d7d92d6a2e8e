"""What the simulations found, as rows. Knows nothing of how."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from sif.ownership.share import share_of

ALPHAS = (0.05, 0.01, 0.001)


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rate(_Row):
    """How often an innocent is accused, with the exact (Clopper–Pearson) 95% interval.

    Attributes:
        alpha: the nominal level.
        claims: audits that ended in a claim.
        audits: in all.
        share: claims of audits.
        low: end of the interval.
        high: its other end.
    """

    alpha: float
    claims: int
    audits: int
    share: float
    low: float
    high: float

    @classmethod
    def of(cls, claims: int, audits: int, alpha: float) -> "Rate":
        """The rate of so many claims in so many audits."""
        share = share_of(claims, audits)
        assert share is not None
        return cls(alpha=alpha, claims=claims, audits=audits, **share._asdict())


class Calibration(_Row):
    """Our e-value on real texts under fresh keys, with the most greedy optional stopping.

    Attributes:
        texts: name of the set.
        vocabulary_size: V.
        triggers: of each audit.
        keys: whether counts were drawn, or came from real keys.
        rates: share of audits with sup E ≥ 1/α.
        curve: the same at many α, as pairs.
    """

    texts: str
    vocabulary_size: int
    triggers: int
    keys: Literal["drawn", "real"]
    rates: tuple[Rate, ...]
    curve: tuple[tuple[float, float], ...]


class PValues(_Row):
    """The exact fixed-sample p-values of the same audits.

    Attributes:
        texts: name of the set.
        keys: as in `Calibration`.
        rates: share of audits with p ≤ α.
        excess: sup_t (F(t) − t) of the p-values; at most `bound` with a probability of 99.9%
            where p is valid (one-sided Dvoretzky–Kiefer–Wolfowitz).
        bound: √(ln 1000 / 2N).
        distance: Kolmogorov–Smirnov distance of the randomised p-values from the uniform.
        uniform_p: p-value of that test.
    """

    texts: str
    keys: Literal["drawn", "real"]
    rates: tuple[Rate, ...]
    excess: float
    bound: float
    distance: float
    uniform_p: float


class Power(_Row):
    """Triggers until α at one green rate and answer length.

    Attributes:
        rate: expected green share of the suspect's distinct ids.
        scored: u, distinct ids of an answer.
        alpha: α.
        median: of the triggers after which the e-value reaches 1/α, over simulated audits.
        ninety: their 90% quantile.
        exact_median: fewest triggers, fixed beforehand, at which the exact p-value is ≤ α with a
            probability of at least 50%.
        exact_ninety: the same with 90%.
        z_median: the same for z ≥ Φ⁻¹(1 − α).
        z_ninety: the same for z with 90%.
        z_level: the z-test's true probability of a false claim at `z_ninety` triggers.
    """

    rate: float
    scored: int
    alpha: float
    median: float
    ninety: float
    exact_median: int
    exact_ninety: int
    z_median: int
    z_ninety: int
    z_level: float


class Accusation(_Row):
    """False claims of a rule that is not ours, or of ours beside it.

    Attributes:
        rule: what is done.
        setting: on which texts, with which keys.
        rates: at each α.
    """

    rule: str
    setting: str
    rates: tuple[Rate, ...]


class Provider(_Row):
    """An innocent engine that watermarks its own text with its own key, audited with our keys.

    Attributes:
        mark: its watermark.
        tokens: in all its answers.
        distinct: mean number of distinct ids of an answer.
        own_z: standard score of its mark, read with its own key.
        rates: share of our audits with sup E ≥ 1/α.
        keyed: the same with real keys, fewer of them.
        pooled: share of audits with z ≥ Φ⁻¹(1 − α), for one key and all tokens of all answers:
            what counting repetitions under a constant list would do.
    """

    mark: str
    tokens: int
    distinct: float
    own_z: float
    rates: tuple[Rate, ...]
    keyed: tuple[Rate, ...]
    pooled: tuple[Rate, ...]


class ListPower(_Row):
    """What a list of answers can give, for a suspect that hits every part with the same chance.

    Attributes:
        parts: of 4 words each.
        answers: N on the list.
        rate: chance of a hit.
        by_parts: log10 E for each trigger, of whoever knew the rate and bets on every part.
        whole: the same of bets on the whole answer alone.
    """

    parts: int
    answers: int
    rate: float
    by_parts: float
    whole: float


class Results(_Row):
    """Everything; results.json."""

    schema_version: Literal[1] = 1
    seed: int
    calibration: tuple[Calibration, ...]
    p_values: tuple[PValues, ...]
    power: tuple[Power, ...]
    released: tuple[Accusation, ...]
    selection: tuple[Accusation, ...]
    providers: tuple[Provider, ...]
    orders: tuple[Accusation, ...] = ()
    hostile: tuple[Accusation, ...] = ()
    keyed: tuple[Accusation, ...] = ()
    lists: tuple[ListPower, ...] = ()
