"""The published order of SIF above another method, told from the triggers of both, one by one.

Knows nothing of how answers come about, and of how tables look.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Final, NamedTuple

from sif.eval.paper.judgement import Cell, Measured
from sif.eval.triggers.rows import Cell as Answered

TOGETHER: Final = "all rosters"
SURE: Final = 0.01
"""Share of triggers on which chance may make a match that counts as sure.

A score above that of n innocents comes by chance on up to 1 trigger in n + 1, which an answer that
was chosen beforehand hardly does. At 1% both stand on nearly the same floor.
"""


class Paired(NamedTuple):
    """SIF and another method on the same suspects, trigger by trigger.

    Attributes:
        roster: whose source.
        where: which suspects.
        rival: column.
        suspects: how many.
        gaps: of every trigger, the share of suspects that match SIF's less the rival's.
        sure: the same, where only matches of SIF count that chance makes on at most `SURE` of all.
        untouched: how many match on the source itself, of SIF's and of the rival's.
    """

    roster: str
    where: str
    rival: str
    suspects: int
    gaps: Sequence[float]
    sure: Sequence[float]
    untouched: tuple[Cell, Cell]


class Order(NamedTuple):
    """What the triggers tell.

    Attributes:
        where: roster, and which suspects.
        rival: column.
        suspects: how many.
        gap: mean over triggers of the share of suspects that match SIF's less the rival's.
        ahead: triggers on which SIF's share is the larger, of those where they are not equal; none
            where they are equal everywhere.
        equal: triggers where they are.
        sure: as `ahead`, of matches that chance makes on at most `SURE` of all triggers.
        equally_sure: triggers where they are equal then.
        untouched: how many match on the source itself, of SIF's and of the rival's.
    """

    where: str
    rival: str
    suspects: int
    gap: float
    ahead: Measured | None
    equal: int
    sure: Measured | None
    equally_sure: int
    untouched: tuple[Cell, Cell]


def orders_of(paired: Sequence[Paired]) -> list[Order]:
    """Of each roster, and behind them of all together where several have it.

    Args:
        paired: with at least one trigger each.
    """
    return [_order(one) for one in (*paired, *_together(paired))]


def gaps_of(
    matched: Mapping[Answered, bool], pair: tuple[str, str], suspects: set[str]
) -> tuple[list[float], int]:
    """For every trigger that both methods have, the difference of the shares that match.

    Args:
        matched: whether each answer of one roster matches.
        pair: names of the two methods.
        suspects: that count.

    Returns:
        The differences, and how many of the suspects were asked.
    """
    hits: dict[tuple[int, str], dict[str, list[bool]]] = {}
    asked = set()
    for cell, match in matched.items():
        if cell.suspect in suspects and cell.method in pair and cell.image_attack == "none":
            asked.add(cell.suspect)
            both = hits.setdefault((cell.seed, cell.trigger), {})
            both.setdefault(cell.method, []).append(match)
    one, other = pair
    gaps = [
        sum(both[one]) / len(both[one]) - sum(both[other]) / len(both[other])
        for both in hits.values()
        if len(both) == 2
    ]
    return gaps, len(asked)


def _order(one: Paired) -> Order:
    ahead, equal = _ahead(one.gaps)
    sure, equally_sure = _ahead(one.sure)
    return Order(
        where=f"{one.roster}: {one.where}",
        rival=one.rival,
        suspects=one.suspects,
        gap=fmean(one.gaps),
        ahead=ahead,
        equal=equal,
        sure=sure,
        equally_sure=equally_sure,
        untouched=one.untouched,
    )


def _ahead(gaps: Sequence[float]) -> tuple[Measured | None, int]:
    """On how many triggers SIF is ahead, of those where it is not equal; and on how many it is."""
    apart = [gap > 0 for gap in gaps if gap]
    return (Measured(sum(apart), len(apart)) if apart else None), len(gaps) - len(apart)


def _together(paired: Iterable[Paired]) -> Iterator[Paired]:
    groups: dict[tuple[str, str], list[Paired]] = {}
    for one in paired:
        groups.setdefault((one.where, one.rival), []).append(one)
    for (where, rival), some in groups.items():
        if len(some) > 1:
            yield Paired(
                roster=TOGETHER,
                where=where,
                rival=rival,
                suspects=sum(one.suspects for one in some),
                gaps=[gap for one in some for gap in one.gaps],
                sure=[gap for one in some for gap in one.sure],
                untouched=(
                    _sum([one.untouched[0] for one in some]),
                    _sum([one.untouched[1] for one in some]),
                ),
            )


def _sum(cells: Sequence[Cell]) -> Cell:
    """Of all, or why one of them was not measured."""
    known = [cell for cell in cells if isinstance(cell, Measured)]
    for cell in cells:
        if isinstance(cell, str):
            return cell
    return Measured(sum(one.hits for one in known), sum(one.total for one in known))
