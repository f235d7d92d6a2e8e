"""Whether a published finding holds here, decided from counts by intervals alone.

A row is *reproduced* where every published order in it (SIF above PLA, say) is shown by an interval
of the difference that lies on the published side of 0, *differs* where one lies on the other side
or may be 0 and is shown to be smaller than published, and otherwise *not here*: not measured, or
not told apart by so many triggers. A figure alone, or one whose rivals nobody measured, is
*reproduced* where it lies in an interval of at most half of all shares. Knows nothing of models,
files or tables.
"""

from collections.abc import Mapping
from math import ceil, sqrt
from typing import Final, Literal, NamedTuple

from sif.eval.metrics import Estimate
from sif.ownership.share import Share, share_of

Word = Literal["reproduced", "differs", "not here", "unpublished"]
WIDEST: Final = 0.5
"""Of an interval that a published figure without a rival is looked for in."""
POWER: Final = 1.96 + 0.84
"""Quantiles of a two-sided test at 5% that finds a difference in four cases of five."""


class Measured(NamedTuple):
    """Hits of all triggers asked; at least one was."""

    hits: int
    total: int

    @property
    def share(self) -> Share:
        """With its exact (Clopper–Pearson) 95% interval."""
        share = share_of(self.hits, self.total)
        if share is None:
            raise ValueError("expected at least one trigger, got none")
        return share


Cell = Measured | str
"""What was measured, or why nothing was."""


class Judgement(NamedTuple):
    """What became of a published row, and why."""

    word: Word
    reason: str


def difference(one: Measured, other: Measured) -> Estimate:
    """The difference of two shares with its 95% interval.

    Newcombe, Interval estimation for the difference between independent proportions, Statistics in
    Medicine 17, 1998, method 10: from Wilson's score intervals of both. Of shares that rise and
    fall together, as of two methods on the same pictures, the difference varies less than it says.
    """
    first, second = _wilson(one), _wilson(other)
    value = first.value - second.value
    below = sqrt((first.value - first.least) ** 2 + (second.most - second.value) ** 2)
    above = sqrt((first.most - first.value) ** 2 + (second.value - second.least) ** 2)
    return Estimate(value, value - below, value + above)


def judge_row(
    figures: Mapping[str, float],
    measured: Mapping[str, Cell],
    *,
    leads: str,
    against: tuple[str, ...] = (),
) -> Judgement:
    """What becomes of a row.

    Args:
        figures: published, by column.
        measured: here, by column; a text says why nothing was.
        leads: the column that is compared with the others.
        against: columns that it is compared with; all where none are named.
    """
    main = measured.get(leads, "not measured")
    if isinstance(main, str):
        return Judgement("not here", f"{leads}: {main}")
    if leads not in figures:
        return Judgement("unpublished", "no published figure")
    rivals = [
        name
        for name, figure in figures.items()
        if name != leads and figure != figures[leads] and (not against or name in against)
    ]
    missing = [rival for rival in rivals if not isinstance(measured.get(rival), Measured)]
    if missing == rivals:
        word, reason = _alone(figures[leads], main)
        return Judgement(word, "; ".join((reason, *(f"{one} not measured" for one in missing))))
    found = [_ordered(figures, measured, main, leads, rival) for rival in rivals]
    return _together(found)


def within(figures: Mapping[str, float], measured: Mapping[str, Cell]) -> tuple[int, int]:
    """How many published figures lie in the intervals measured here, and of how many."""
    pairs = [
        (figures[name], cell.share)
        for name, cell in measured.items()
        if name in figures and not isinstance(cell, str)
    ]
    return sum(share.low <= figure <= share.high for figure, share in pairs), len(pairs)


class _Wilson(NamedTuple):
    value: float
    least: float
    most: float


def _wilson(one: Measured) -> _Wilson:
    from scipy.stats import binomtest

    interval = binomtest(one.hits, one.total).proportion_ci(method="wilson")
    return _Wilson(one.hits / one.total, float(interval.low), float(interval.high))


def judge_alone(figure: float, main: Measured, said: str) -> Judgement:
    """Whether a published figure is the one here: in an interval that is not most of what there is.

    Args:
        figure: published.
        main: measured.
        said: both in words.
    """
    share = main.share
    if not share.low <= figure <= share.high:
        return Judgement("differs", said)
    if share.high - share.low > WIDEST:
        return Judgement("not here", f"{main.total} triggers do not tell: {said}")
    return Judgement("reproduced", said)


def _alone(figure: float, main: Measured) -> Judgement:
    share = main.share
    said = f"{figure:.2f} published, {share.share:.2f} ({share.low:.2f}–{share.high:.2f}) here"
    return judge_alone(figure, main, said)


def _ordered(
    figures: Mapping[str, float],
    measured: Mapping[str, Cell],
    main: Measured,
    leads: str,
    rival: str,
) -> Judgement:
    """Whether the published order of two columns holds."""
    other = measured.get(rival, "not measured")
    if isinstance(other, str):
        return Judgement("unpublished", f"{rival} not measured")
    claimed = figures[leads] - figures[rival]
    gap = difference(main, other)
    low, high = gap.low or 0.0, gap.high or 0.0
    said = f"{gap.value:+.2f} ({low:+.2f} to {high:+.2f}; published {claimed:+.2f})"
    side = "above" if claimed > 0 else "below"
    if min(low, high) > 0 or max(low, high) < 0:
        right = (gap.value > 0) == (claimed > 0)
        return Judgement(
            "reproduced" if right else "differs",
            f"{side} {rival} by {said}" if right else f"not {side} {rival}: {said}",
        )
    if not low <= claimed <= high:
        return Judgement(
            "differs", f"not shown to be {side} {rival}, and by less than published: {said}"
        )
    return Judgement(
        "not here",
        f"{main.total} triggers do not tell it from {rival}: {said}; the published difference "
        f"takes about {_triggers_for(figures[leads], figures[rival]):,} of each (80% power)",
    )


def _together(found: list[Judgement]) -> Judgement:
    """Of all orders in a row; what was not measured is said and decides nothing beside others."""
    measured = [one for one in found if one.word != "unpublished"]
    for word in ("differs", "not here"):
        if some := [one for one in measured if one.word == word]:
            return Judgement(word, _said([*some, *(one for one in found if one not in some)]))
    return Judgement("reproduced" if measured else "not here", _said([*measured, *found]))


def _said(some: list[Judgement]) -> str:
    return "; ".join(dict.fromkeys(one.reason for one in some))


def _triggers_for(one: float, other: float) -> int:
    """Of each method, to show a difference of two shares (normal approximation)."""
    spread = one * (1 - one) + other * (1 - other)
    return ceil(POWER**2 * spread / (one - other) ** 2)
