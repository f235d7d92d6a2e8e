"""Published rows beside what was measured: each row with who stands for it, counts and a judgement.

Knows nothing of models and of how tables look.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Final, NamedTuple

from sif.eval.paper.judgement import Cell, Judgement, Measured, judge_row
from sif.eval.paper.literature import PublishedRow, PublishedTable, published
from sif.eval.paper.orders import SURE, Order, Paired, gaps_of, orders_of
from sif.eval.paper.plans import LEADS, PaperPlan, PaperSettings, paraphrased, source_of
from sif.eval.paper.served import BENIGN, FALSE_ALARMS, JUDGE, LIMITS, Alarms, behind, worded
from sif.eval.triggers.rows import Cell as Answered
from sif.eval.triggers.summary import asked_in, counts_of, matches_of, null_of, score_of
from sif.ownership.null import HypergeometricNull
from sif.ownership.share import Share

NOBODY: Final = "nobody in the roster stands for it"
HOW: Final = "run again with `--set"


class Row(NamedTuple):
    """One row of a table.

    Attributes:
        table: its id.
        name: as published.
        here: roster and who was asked.
        figures: published, by column.
        cells: measured, by column.
        judgement: what becomes of it.
    """

    table: str
    name: str
    here: str
    figures: Mapping[str, float]
    cells: Mapping[str, Cell]
    judgement: Judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that was measured.

    Attributes:
        settings: of the study.
        plans: of its rosters.
        matched: for every answer to a trigger, those behind SDA and worded anew among them, whether
            it matches: the published rule, τ_i being the largest score of any innocent on it.
        sure: of those that match by their score, whether chance makes so many green words on at
            most `SURE` of all triggers; of all others as `matched`.
        flagged: by SDA and by a judge.
    """

    settings: PaperSettings
    plans: Sequence[PaperPlan]
    matched: Mapping[Answered, bool]
    sure: Mapping[Answered, bool]
    flagged: Sequence[Alarms]

    @classmethod
    def of(
        cls,
        settings: PaperSettings,
        plans: Sequence[PaperPlan],
        cells: Sequence[Answered],
        flagged: Sequence[Alarms],
    ) -> "Evidence":
        """From rows of answers; a score is left out where no innocent has one to exceed."""
        limited = {asked_in(cell) for cell in cells if _limits(cell)}
        matched = {
            cell: match
            for cell, match in matches_of(cells).items()
            if cell.matched is not None or asked_in(cell) in limited
        }
        sure = {cell: match and _hardly_chance(cell) for cell, match in matched.items()}
        return cls(settings=settings, plans=plans, matched=matched, sure=sure, flagged=flagged)

    def rows(self, table: PublishedTable) -> list[Row]:
        """A table; a row for each roster, and each variant of what is done."""
        return [row for one in table.rows for row in self._of(table, one)]

    def orders(self) -> list[Order]:
        """The published order of SIF above others, on tuned copies and behind SDA."""
        return orders_of([one for plan in self.plans for one in self._paired(plan)])

    def _of(self, table: PublishedTable, row: PublishedRow) -> Iterator[Row]:
        plans = [plan for plan in self.plans if row.suspect(plan.plan.roster.name) is not None]
        if not plans:
            yield _absent(table, row, NOBODY)
        for plan in plans:
            match table.id:
                case "divergence":
                    yield from self._behind(plan, table, row)
                case "paraphrase":
                    yield from self._worded(plan, table, row)
                case "judge":
                    yield self._judged(plan, table, row)
                case _:
                    yield self._plain(plan, table, row)

    def _plain(self, plan: PaperPlan, table: PublishedTable, row: PublishedRow) -> Row:
        suspect = row.suspect(plan.plan.roster.name) or ""
        cells = self._cells(plan, table, suspect, row.attack)
        return _row(table, row, f"{plan.plan.roster.name}: {suspect}", cells)

    def _behind(self, plan: PaperPlan, table: PublishedTable, row: PublishedRow) -> Iterator[Row]:
        if not plan.references:
            yield _absent(table, row, "the roster has no benign model")
        for reference in plan.references:
            for limits in LIMITS:
                suspect = behind(reference, limits)
                cells = self._cells(plan, table, suspect, "none")
                here = f"{plan.plan.roster.name}: {limits} limits, beside {reference}"
                alarms = self._alarms(plan, reference, limits)
                if alarms is None:
                    yield _absent(
                        table, row, "too few benign questions for these limits", here=here
                    )
                    continue
                here += f"; {alarms.share:.1%} ({alarms.low:.1%}–{alarms.high:.1%}) of benign"
                if alarms.low > FALSE_ALARMS:
                    reason = f"these limits flag {alarms.share:.0%} of benign questions here"
                    yield Row(
                        table.id, row.name, here, row.figures, cells, Judgement("not here", reason)
                    )
                else:
                    yield _row(table, row, here, cells)

    def _worded(self, plan: PaperPlan, table: PublishedTable, row: PublishedRow) -> Iterator[Row]:
        roster, texts = plan.plan.roster.name, self.settings.rewordings
        if not any(paraphrased(text) for text in texts):
            how = f"no paraphraser; {HOW} paraphrase=openai:URL#MODEL`"
            yield _absent(table, row, how, here=roster)
        for text in texts:
            cells = self._cells(plan, table, worded(text), "none")
            if paraphrased(text):
                yield _row(table, row, f"{roster}: {text}, not DIPPER", cells)
            else:
                judgement = Judgement("unpublished", "a stand-in, no paraphrase")
                yield Row(table.id, text, roster, {}, cells, judgement)

    def _judged(self, plan: PaperPlan, table: PublishedTable, row: PublishedRow) -> Row:
        roster = plan.plan.roster.name
        if self.settings.judge is None:
            how = f"no judge model; {HOW} judge=openai:URL#MODEL`"
            return _absent(table, row, how, here=roster)
        cells: dict[str, Cell] = {}
        for column in table.columns:
            method = plan.columns.get(column)
            rate = None if method is None else self._rate(plan, "", JUDGE, method)
            cells[column] = rate or plan.absent.get(column, "not measured")
        return _row(table, row, f"{roster}: {self.settings.judge}, not GPT-4.1", cells)

    def _cells(
        self, plan: PaperPlan, table: PublishedTable, suspect: str, attack: str
    ) -> dict[str, Cell]:
        """What each column of a table shows of a suspect."""
        found: dict[str, Cell] = {}
        for column in table.columns:
            wanted = (plan.plan.roster.name, plan.columns.get(column), suspect, attack)
            hits = [
                match
                for one, match in self.matched.items()
                if (one.family, one.method, one.suspect, one.image_attack) == wanted
            ]
            missing = plan.absent.get(column, "not measured, or no innocent to set τ answered")
            found[column] = Measured(sum(hits), len(hits)) if hits else missing
        return found

    def _alarms(self, plan: PaperPlan, reference: str, limits: str) -> Share | None:
        """Share of benign questions flagged; none where these limits could not be chosen."""
        rate = self._rate(plan, reference, limits, BENIGN)
        return None if rate is None else rate.share

    def _rate(self, plan: PaperPlan, reference: str, limits: str, asked: str) -> Measured | None:
        wanted = (plan.plan.roster.name, reference, limits, asked)
        for one in self.flagged:
            if (one.family, one.reference, one.limits, one.asked) == wanted and one.total:
                return Measured(one.flagged, one.total)
        return None

    def _paired(self, plan: PaperPlan) -> Iterator[Paired]:
        roster = plan.plan.roster.name
        tuned = {
            name
            for row in published().table("suspects").rows
            if row.tuned and (name := row.suspect(roster)) is not None
        }
        groups = {"tuned copies": tuned}
        for reference in plan.references:
            for limits in LIMITS:
                alarms = self._alarms(plan, reference, limits)
                if alarms is not None and alarms.low <= FALSE_ALARMS:
                    name = f"behind {reference}, {limits} limits"
                    groups[name] = {behind(reference, limits)}
        table = published().table("suspects")
        untouched = self._cells(plan, table, source_of(plan.plan.roster), "none")
        matched, sure = (
            {cell: match for cell, match in found.items() if cell.family == roster}
            for found in (self.matched, self.sure)
        )
        for where, suspects in groups.items():
            for column in published().columns:
                method = plan.columns.get(column)
                if column == LEADS or method is None:
                    continue
                both = plan.columns[LEADS], method
                gaps, asked = gaps_of(matched, both, suspects)
                if gaps:
                    surely, _ = gaps_of(sure, both, suspects)
                    sources = untouched[LEADS], untouched[column]
                    yield Paired(roster, where, column, asked, gaps, surely, sources)


def _limits(cell: Answered) -> bool:
    """Whether an answer sets a limit that others' scores must exceed."""
    return cell.role == "innocent" and score_of(cell) is not None


def _hardly_chance(cell: Answered) -> bool:
    """Whether P(H ≥ g) of its green words is at most `SURE`; true where it is to be a given one."""
    if cell.matched is not None:
        return True
    null = null_of([cell])
    counts = counts_of([cell])
    if not counts or not isinstance(null, HypergeometricNull):
        return False
    return null.log_p_value(counts[0]) <= log(SURE)


def _row(
    table: PublishedTable,
    row: PublishedRow,
    here: str,
    cells: Mapping[str, Cell],
) -> Row:
    found = judge_row(row.figures, cells, leads=table.leads, against=table.against)
    return Row(table.id, row.name, here, row.figures, cells, found)


def _absent(table: PublishedTable, row: PublishedRow, reason: str, *, here: str = "") -> Row:
    return Row(table.id, row.name, here, row.figures, {}, Judgement("not here", reason))
