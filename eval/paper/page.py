"""The page: the tables of the paper, published figures beside ours, and what became of each row.

Knows nothing of how figures come about; every word that judges was decided by intervals before.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict

from sif.eval.paper.beside import Evidence, Row
from sif.eval.paper.elsewhere import Other
from sif.eval.paper.judgement import Cell, Measured, Word, within
from sif.eval.paper.literature import Published, PublishedTable
from sif.eval.paper.orders import SURE, Order
from sif.eval.paper.plans import LEADS
from sif.eval.paper.served import BENIGN, Reading
from sif.eval.triggers.requirements import check_method
from sif.markdown import MISSING, code, number, table

WORDS: Final[dict[Word, str]] = {
    "reproduced": "*reproduced*",
    "differs": "*differs because*",
    "not here": "*cannot be reproduced here*",
    "unpublished": "no published figure",
}
HALF: Final = 0.5
ORDERS: Final = (
    "Trigger by trigger: where does it match more of the suspects, of those where the two are not "
    "equal; exact 95% interval, and the order is told where that lies on one side of a half. "
    "Pictures are the same for both; methods whose triggers are words are paired with them in the "
    "order of their numbers, and another pairing would give other counts. A method that does "
    "little on the source itself has not converged in so many steps, and an order above it says "
    "no more than that.\n\n"
    f"The published rule favours {LEADS}: a score above that of every innocent comes by chance on "
    "up to one trigger in as many as there are innocents and one, a chosen answer hardly ever. So "
    f"the last two columns count only matches of {LEADS} whose green words chance reaches on at "
    f"most {SURE:.0%} of all triggers (null A, exactly), and all matches of the others.\n\n"
)
LEGEND: Final = (
    "Each cell holds the published share, then ours with its exact 95% interval (Clopper–Pearson). "
    "A row is *reproduced* where every published order in it that was measured is shown by a 95% "
    "interval of the difference (Newcombe's of Wilson's, as if pictures were not shared, which "
    "makes it rather too wide); it *differs because* the order is the other one, or the difference "
    "is shown to be smaller than published; it *cannot be reproduced here* where nobody measured "
    "it or so few triggers do not tell. A figure without a rival, or whose rivals nobody measured, "
    "is *reproduced* where it lies in an interval of at most half of all shares. That is about the "
    "order alone: the last column counts published figures that lie in our intervals. Match (FMR): "
    "the share of triggers whose score exceeds τ_i, the largest of any innocent's on that trigger; "
    "of methods that want an answer, the share that gets it.\n\n"
)


class PaperRow(BaseModel):
    """One cell of the page, as paper.parquet has it.

    Attributes:
        table, row, here, column: where it stands, and who was asked.
        published: figure; none where none was found.
        hits, total: measured; none where nothing was.
        low, high: exact 95% interval of the share.
        word: what became of the row.
        reason: why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    row: str
    here: str
    column: str
    published: float | None
    hits: int | None
    total: int | None
    low: float | None
    high: float | None
    word: str
    reason: str


def as_page(
    known: Published, evidence: Evidence, readings: Sequence[Reading], others: Sequence[Other]
) -> str:
    """All of it; the counts of rows first."""
    rows = {one.id: evidence.rows(one) for one in known.tables}
    every = [row for some in rows.values() for row in some]
    words = Counter(row.judgement.word for row in every)
    words.update(row.judgement.word for other in others for row in other.rows)
    shown = [(WORDS[word], str(words[word])) for word in WORDS]
    parts = [
        "## What became of the paper's tables\n\n",
        table(("rows", "how many"), shown),
        LEGEND,
        _orders(evidence.orders()),
        _differing(evidence),
        *(_table(one, rows[one.id]) for one in known.tables),
        _stealth(readings),
        *(_other(one) for one in others),
    ]
    return "".join(parts)


def as_rows(known: Published, evidence: Evidence) -> list[PaperRow]:
    """The same as a table on disk."""
    return [
        _flat(row, column)
        for one in known.tables
        for row in evidence.rows(one)
        for column in one.columns
    ]


def _table(one: PublishedTable, rows: Sequence[Row]) -> str:
    heads = ("published", "asked here", *one.columns, "the order", "figures in our intervals")
    shown = []
    for row in rows:
        hits, total = within(row.figures, row.cells)
        cells = [_cell(row.figures.get(name), row.cells.get(name)) for name in one.columns]
        said = f"{WORDS[row.judgement.word]}: {row.judgement.reason}"
        counted = f"{hits} of {total}" if total else MISSING
        shown.append((row.name, row.here or MISSING, *cells, said, counted))
    source = f"Published: {one.setting}. Source: {one.source}.\n\n"
    return f"## {one.title}\n\n{source}{table(heads, shown)}"


def _cell(figure: float | None, cell: Cell | None) -> str:
    return f"{_share(figure)} / {_measured(cell)}"


def _measured(cell: Cell | None) -> str:
    if cell is None or isinstance(cell, str):
        return MISSING
    share = cell.share
    return f"{_share(share.share)} ({_share(share.low)}–{_share(share.high)})"


def _share(value: float | None) -> str:
    """Two digits without the 0 before the point, as the paper has it."""
    return number(value).removeprefix("0")


def _orders(orders: Sequence[Order]) -> str:
    text = f"## Is {LEADS} above the others?\n\n"
    if not orders:
        return text + "Nothing beside it was measured.\n\n"
    shown = [
        (
            one.where,
            one.rival,
            f"{one.suspects}",
            ", ".join(map(_measured, one.untouched)),
            f"{one.gap:+.2f}",
            _ahead(one.ahead, one.equal),
            _holds(one.ahead),
            _ahead(one.sure, one.equally_sure),
            _holds(one.sure),
        )
        for one in orders
    ]
    heads = (
        *("where", "against", "suspects", f"on the source, all triggers: {LEADS}, the other"),
        *("mean difference of match rates", f"triggers with {LEADS} ahead", "the published order"),
        *(f"ahead by matches surer than {SURE:.0%}", "the order then"),
    )
    return text + ORDERS + table(heads, shown)


def _ahead(ahead: Measured | None, equal: int) -> str:
    if ahead is None:
        return f"equal on all {equal}"
    share = ahead.share
    return f"{ahead.hits} of {ahead.total} ({share.low:.0%}–{share.high:.0%}), equal on {equal}"


def _holds(ahead: Measured | None) -> str:
    share = None if ahead is None else ahead.share
    if share is not None and share.low > HALF:
        return "holds"
    if share is not None and share.high < HALF:
        return "does not hold: the other way round"
    return "not told apart"


def _differing(evidence: Evidence) -> str:
    """What is not as in the paper, for every roster, from the plans themselves."""
    shown = []
    for one in evidence.plans:
        plan = one.plan
        innocents = [listed for listed in plan.asked if listed.role == "innocent"]
        used = {method.name: check_method(plan, method).words for method in plan.methods}
        methods = "; ".join(f"{column}: `{name}`" for column, name in one.columns.items())
        methods += "".join(f"; `{name}`: {words}" for name, words in used.items())
        missing = "; ".join(f"{column} {reason}" for column, reason in one.absent.items())
        shown.append(
            (
                plan.roster.name,
                str(plan.triggers),
                methods + (f"; {missing}" if missing else ""),
                ", ".join(listed.name for listed in innocents),
            )
        )
    heads = ("roster", "triggers", "methods", "innocents that set τ")
    words = (
        "In the paper: 200 triggers of ImageNet pictures with prompts of AMBER, 1000 steps, "
        "ε = 16/255, models of 7 billion parameters and unrelated models of other makers. Suspects "
        "here stand for published ones of their kind; they are not those.\n\n"
    )
    return f"## What differs\n\n{words}{table(heads, shown)}"


def _stealth(readings: Sequence[Reading]) -> str:
    """Medians of the signals; no figure of the paper for them is known."""
    text = (
        "## Stealth: what SDA's signals see\n\n"
        f"Medians on benign questions and on triggers; no published figures were found ({MISSING})."
        "\n\n"
    )
    groups: dict[tuple[str, str, str], list[float]] = {}
    for one in readings:
        if one.value is not None:
            key = (f"{one.family}: beside {one.reference}", one.asked, one.signal)
            groups.setdefault(key, []).append(one.value)
    signals = list(dict.fromkeys(signal for _, _, signal in groups))
    if not signals:
        return text + "Nothing was measured.\n\n"
    shown = [
        (
            where,
            _who(asked),
            *(_median(groups.get((where, asked, signal))) for signal in signals),
        )
        for where, asked in dict.fromkeys((where, asked) for where, asked, _ in groups)
    ]
    return text + table(("where", "asked", *signals), shown)


def _who(asked: str) -> str:
    """What was asked: triggers, or benign questions, of the source or of what marking made."""
    marked = asked.removeprefix(f"{BENIGN}, ")
    if marked != asked:
        return f"{BENIGN}, of the source marked by {code(marked)}"
    return asked if asked == BENIGN else f"triggers of {code(asked)}"


def _median(values: Iterable[float] | None) -> str:
    return MISSING if values is None else f"{float(np.median(list(values))):.3g}"


def _three(value: float | None) -> str:
    return number(value, digits=3).removeprefix("0")


def _other(one: Other) -> str:
    shown = [
        (
            row.name,
            row.here or MISSING,
            *(
                f"{_three(row.figures.get(name))} / {row.shown.get(name, MISSING)}"
                for name in one.columns
            ),
            f"{WORDS[row.judgement.word]}: {row.judgement.reason}",
        )
        for row in one.rows
    ]
    heads = ("published", "asked here", *one.columns, "what became of it")
    return f"## {one.title}\n\nSource: {one.source}.\n\n{table(heads, shown)}"


def _flat(row: Row, column: str) -> PaperRow:
    cell = row.cells.get(column)
    measured = None if cell is None or isinstance(cell, str) else cell
    share = None if measured is None else measured.share
    return PaperRow(
        table=row.table,
        row=row.name,
        here=row.here,
        column=column,
        published=row.figures.get(column),
        hits=None if measured is None else measured.hits,
        total=None if measured is None else measured.total,
        low=None if share is None else share.low,
        high=None if share is None else share.high,
        word=row.judgement.word,
        reason=row.judgement.reason,
    )
