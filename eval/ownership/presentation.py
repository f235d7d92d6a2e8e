"""How the simulated audits are shown: tables as Markdown, and pictures as SVG.

Knows nothing of how numbers come about.
"""

from collections.abc import Sequence
from typing import Any, Final

from sif import markdown
from sif.eval.ownership.results import (
    ALPHAS,
    Accusation,
    Calibration,
    ListPower,
    Power,
    Rate,
    Results,
)
from sif.plotting import COLOURS, as_svg, new_figure, plain

LEVEL: Final = 0.01
NULL = (
    "Real texts that know nothing of any key, fresh uniform keys for each audit. Share of audits "
    "in which E reached 1/α after any trigger, with its exact 95% interval (Clopper–Pearson). "
    "Drawn: counts from their exact distribution; real: through the keyed function itself.\n\n"
)
P_VALUES = (
    "The same audits, all triggers fixed beforehand: share with the exact p ≤ α. Excess: "
    "sup of (share with p ≤ t) − t over all t, and the bound that a valid p keeps with a "
    "probability of 99.9%. Uniform: p-value of a Kolmogorov–Smirnov test of the randomised "
    "p-values.\n\n"
)
POWER = (
    "Triggers to α = 10⁻⁶, median and 90% quantile, for a copy whose green counts are Fisher's "
    "noncentral hypergeometric (independent words) with V = 32,000, γ = ½. E: stops at any time, "
    "knows no rate. Exact p and z: the number of triggers fixed beforehand, as if the rate were "
    "known; 50% and 90% power. Level: true false-claim probability of z, nominally 10⁻⁶.\n\n"
)
RELEASED = (
    "The released code's rules on the answers of innocents: share of audits that accuse one, at "
    "the nominal level. `sif/eval/ownership/released.py` says which rule it is, what is "
    "known and what assumed. The simple rule has no level; it stands under 0.05.\n\n"
)
SELECTION = (
    "25 triggers that do nothing, asked of an innocent: share of audits in which a claim follows "
    "at α. Only the first rule looks at no count before it decides what is asked and counted. The "
    "last keeps every key, but chooses a picture by it.\n\n"
)
PROVIDERS = (
    "An innocent engine (a mini model that shares the owner's tokenizer) watermarks its own text "
    "with its own key; our keys are fresh in every audit. Own z: the mark, read with its key. "
    "E: share of audits in which E reached 1/α, of drawn and of real keys. Pooled z: one constant "
    "list of ours, every token counted as often as it occurs, at the nominal α.\n\n"
)
ORDERS = (
    "Innocents whose mean reaction to 48 triggers is exactly τ = 0.35, spread over the triggers as "
    "their maker likes; each audit ends where the evidence against transfer stands highest. Share "
    "of audits in which transfer is excluded.\n\n"
)
HOSTILE = (
    "Innocents, and claimants who know their answers beforehand and choose afterwards. Share of "
    "audits in which the claim holds, by what is taken off for it; "
    "`sif/eval/ownership/hostile.py` says how each is done.\n\n"
)
KEYED = (
    "24 triggers whose targets a fresh secret draws from a list in each audit, and suspects whose "
    "texts do not depend on it; each audit ends where its e-value stands highest. Then those who "
    "are not innocent: claimants who choose by the answers, pictures that transfer (which no key "
    "excludes), and a wrong rule, by which an answer that holds the target somewhere is a hit. "
    "`sif/eval/ownership/keyed_targets.py` says how each is done.\n\n"
)
LISTS = (
    "log10 E that one trigger can give, by parts of 4 words and by how often a suspect hits one: "
    "of bets on every part, and of bets on the whole answer alone.\n\n"
)


def as_summary(results: Results) -> str:
    """All of summary.md."""
    parts = [
        ("Null: the e-value with optional stopping", NULL, _null(results)),
        ("Null: the exact p-value", P_VALUES, _p_values(results)),
        ("Power", POWER, power_table(results.power)),
        ("The released rule", RELEASED, accusations(results.released)),
        ("Selection", SELECTION, accusations(results.selection)),
        ("Provider watermarks", PROVIDERS, _providers(results)),
        ("Orders of asking", ORDERS, accusations(results.orders)),
        ("Hostile claimants", HOSTILE, accusations(results.hostile)),
        ("Keyed targets", KEYED, accusations(results.keyed)),
        ("Lists of answers", LISTS, _lists(results.lists)),
    ]
    sections = [f"## {title}\n\n{legend}{table}" for title, legend, table in parts]
    return "# False claims and power, simulated\n\n" + "".join(sections)


def _null(results: Results) -> str:
    rows = [
        [
            it.texts,
            _whole(it.vocabulary_size),
            it.keys,
            _whole(it.rates[0].audits),
            f"{it.triggers}",
            *map(with_interval, it.rates),
        ]
        for it in results.calibration
    ]
    return markdown.table(["texts", "V", "keys", "audits", "triggers", *_levels()], rows)


def _p_values(results: Results) -> str:
    rows = [
        [
            it.texts,
            it.keys,
            *map(with_interval, it.rates),
            f"{it.excess:.4f} ≤ {it.bound:.4f}",
            f"{it.uniform_p:.2f}",
        ]
        for it in results.p_values
    ]
    return markdown.table(["texts", "keys", *_levels(), "excess", "uniform"], rows)


def power_table(rows: Sequence[Power]) -> str:
    """Triggers to α, a row for each answer length and green rate."""
    lines = [
        [
            f"{it.scored}",
            f"{it.rate:.0%}",
            f"{it.median:.0f} / {it.ninety:.0f}",
            f"{it.exact_median} / {it.exact_ninety}",
            f"{it.z_median} / {it.z_ninety}",
            f"{it.z_level:.1e}",
        ]
        for it in rows
    ]
    return markdown.table(["distinct ids", "green", "E", "exact p", "z", "level of z"], lines)


def accusations(rows: Sequence[Accusation]) -> str:
    """False claims by rule and setting, a column for each α."""
    lines = [[it.setting, it.rule, *_padded(it.rates)] for it in rows]
    return markdown.table(["setting", "rule", *_levels()], lines)


def _lists(rows: Sequence[ListPower]) -> str:
    rates = list(dict.fromkeys(row.rate for row in rows))
    lines = [
        [f"{parts}", _whole(answers)]
        + [f"{it.by_parts:.2f}, {it.whole:.2f}" for it in rows if it.parts == parts]
        for parts, answers in dict.fromkeys((row.parts, row.answers) for row in rows)
    ]
    return markdown.table(["parts", "N", *(f"hit {rate:.0%}" for rate in rates)], lines)


def _padded(rates: Sequence[Rate]) -> list[str]:
    known = {rate.alpha: with_interval(rate) for rate in rates}
    return [known.get(alpha, "–") for alpha in ALPHAS]


def _providers(results: Results) -> str:
    rows = [
        [
            it.mark,
            f"{it.tokens}",
            f"{it.distinct:.0f}",
            f"{it.own_z:.1f}".replace("-", "−"),
            *map(with_interval, it.rates),
            with_interval(it.keyed[0]),
            _percent(it.pooled[-1].share),
        ]
        for it in results.providers
    ]
    names = ["mark", "tokens", "distinct ids", "own z", *(f"E, {it}" for it in _levels())]
    return markdown.table([*names, f"E, {_levels()[0]}, real", f"pooled z, {_levels()[-1]}"], rows)


def with_interval(rate: Rate) -> str:
    """A share with its exact interval, in percent."""
    return f"{_percent(rate.share)} ({_percent(rate.low)}–{_percent(rate.high)})"


def _percent(share: float) -> str:
    return f"{share:.3%}" if share < 0.1 else f"{share:.1%}"


def _levels() -> list[str]:
    return [f"α = {alpha:g}" for alpha in ALPHAS]


def _whole(number: int) -> str:
    return f"{number:,}"


def pictures(results: Results) -> dict[str, bytes]:
    """null.svg, power.svg and selection.svg."""
    return {
        "null.svg": _draw_null(results.calibration),
        "power.svg": _draw_power(results.power),
        "selection.svg": _draw_accusations([*results.selection, *results.released]),
    }


def _draw_null(rows: Sequence[Calibration]) -> bytes:
    """The share of audits with sup E ≥ 1/α against α, under the line that it must not cross."""
    figure = new_figure(6.0, 4.8)
    axes = figure.subplots()
    for number, row in enumerate(rows):
        alphas, shares = zip(*row.curve, strict=True)
        seen = [share or float("nan") for share in shares]
        axes.plot(
            alphas,
            seen,
            color=COLOURS[number % len(COLOURS)],
            linestyle="-" if row.keys == "drawn" else ":",
            label=f"{row.texts}, {row.keys} keys",
        )
    ends = [alpha for row in rows for alpha, _ in row.curve]
    axes.plot([min(ends), max(ends)], [min(ends), max(ends)], color="#333333", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("α")
    axes.set_ylabel("share of innocents with sup E ≥ 1/α")
    return _finished(figure, axes)


def _draw_power(rows: Sequence[Power]) -> bytes:
    """Median triggers to α against the green rate, of the e-value and of z."""
    figure = new_figure(6.0, 4.8)
    axes = figure.subplots()
    for number, scored in enumerate(dict.fromkeys(row.scored for row in rows)):
        mine = [row for row in rows if row.scored == scored]
        rates, colour = [row.rate for row in mine], COLOURS[number % len(COLOURS)]
        medians, ninety = [row.median for row in mine], [row.ninety for row in mine]
        axes.plot(rates, medians, color=colour, marker="o", label=f"E, {scored} distinct ids")
        axes.fill_between(rates, medians, ninety, color=colour, alpha=0.15, linewidth=0)
        fixed = [row.z_median for row in mine]
        axes.plot(rates, fixed, color=colour, linestyle=":", label=f"z fixed beforehand, {scored}")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("green share of the copy's words")
    axes.set_ylabel("triggers to 10⁻⁶, median (band: to the 90% quantile)")
    return _finished(figure, axes)


def _draw_accusations(rows: Sequence[Accusation]) -> bytes:
    """How often innocents are accused at α = 0.01."""
    bars = [
        (f"{row.rule}\n{row.setting}", rate)
        for row in rows
        for rate in row.rates
        if rate.alpha == LEVEL
    ]
    figure = new_figure(9.0, 1.0 + 0.36 * len(bars))
    axes = figure.subplots()
    places = range(len(bars))
    shares = [rate.share for _, rate in bars]
    reach = [
        [rate.share - rate.low for _, rate in bars],
        [rate.high - rate.share for _, rate in bars],
    ]
    ours = [COLOURS[2] if name.startswith("ours") else COLOURS[1] for name, _ in bars]
    axes.barh(places, shares, xerr=reach, color=ours, height=0.7, ecolor="#555555")
    axes.axvline(LEVEL, color="#333333", linewidth=0.8)
    axes.set_yticks(places, [name for name, _ in bars], fontsize=7)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(LEVEL / 20, 1.0)
    axes.set_xlabel(f"innocents accused at α = {LEVEL:g} (line)")
    return _finished(figure, axes, legend=False)


def _finished(figure: Any, axes: Any, *, legend: bool = True) -> bytes:
    plain(axes)
    if legend:
        axes.legend(frameon=False, fontsize=8)
    return as_svg(figure)
