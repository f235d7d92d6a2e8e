"""`sif activemark verify` and `bounds`: the mark in suspects, and what panels say of its errors."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sif.cli.options import Device, Json, Mark
from sif.cli.progress import bar
from sif.cli.say import say, say_json, say_table, say_text
from sif.cli.verify import FAILED_AS_ASKED, Fail

if TYPE_CHECKING:
    from sif.marks.panels import MarkBounds
    from sif.marks.verify import MarkVerdict


def verify(
    watermark: Mark,
    suspects: Annotated[list[str], typer.Argument(help="Model folders or hub ids.")],
    alpha: Annotated[float, typer.Option(help="Largest probability of a false claim.")] = 1e-6,
    run: Annotated[
        Path | None, typer.Option(help="Folder for verdicts.json and errors.png.")
    ] = None,
    as_json: Json = False,
    fail_if: Fail = None,
    device: Device = "auto",
) -> None:
    """Looks for the mark in suspects' weights.

    Example: `sif activemark verify wm ./suspect-a ./suspect-b --run findings`
    """
    from sif.marks.verify import as_json as written
    from sif.marks.verify import verify_suspects
    from sif.marks.watermark import Watermark

    owned = Watermark.load(watermark)
    with bar() as show:
        verdicts = verify_suspects(owned, suspects, alpha=alpha, device=device, run=run, show=show)
    if as_json:
        say_json(written(verdicts))
    else:
        _print_verdicts(verdicts)
    if fail_if is not None and fail_if.value in {one.decision for one in verdicts}:
        raise typer.Exit(FAILED_AS_ASKED)


def bounds(
    watermark: Mark,
    dependent: Annotated[
        list[str] | None, typer.Option(help="A copy, made for the purpose; repeatable.")
    ] = None,
    independent: Annotated[
        list[str] | None, typer.Option(help="A model that is no copy; repeatable.")
    ] = None,
    false_positive_rate: Annotated[
        float | None, typer.Option(help="Of one image.", show_default="that of the watermark")
    ] = None,
    alpha: Annotated[float, typer.Option(help="Of the whole decision, for fair bits.")] = 1e-6,
    confidence: Annotated[float, typer.Option(help="Of each panel's bounds.")] = 0.95,
    as_json: Json = False,
    device: Device = "auto",
) -> None:
    """Says how often a watermark may err: for fair bits, and by panels of models.

    Example: `sif activemark bounds wm --dependent thief-a --dependent thief-b --independent other`
    """
    from sif.marks.panels import bound
    from sif.marks.watermark import Watermark

    owned = Watermark.load(watermark)
    found = bound(
        owned,  # models are loaded one at a time, so that one is in memory
        dependent=(owned.load_suspect(source, device) for source in dependent or []),
        independent=(owned.load_suspect(source, device) for source in independent or []),
        false_positive_rate=false_positive_rate,
        alpha=alpha,
        confidence=confidence,
    )
    if as_json:
        say_json(found.model_dump_json(indent=2))
    else:
        _print_bounds(found)


def _print_verdicts(verdicts: "list[MarkVerdict]") -> None:
    rows = []
    for one in verdicts:
        mean = sum(one.errors) / len(one.errors)
        share = f"{one.detected} of {len(one.errors)} ({one.detection_rate:.1%})"
        name = one.decision.replace("_", " ").upper()
        rows.append((one.suspect, name, share, f"{mean:.1f}", f"{one.log10_e_value:.1f}"))
    say_table(("suspect", "decision", "detected", "mean wrong bits", "log10 e-value"), rows)
    first = verdicts[0]
    say(
        f"An image is detected with at most τ = {first.threshold} of {first.bits} bits wrong. "
        + (
            f"An independent model is called DERIVED with a probability of at most {first.alpha:g}."
            if first.guarantee == "exact"
            else "In this mode the message goes through the suspect, and innocents may hand it on: "
            "nothing is called DERIVED, and what looks like a copy is INCONCLUSIVE. See sif "
            "activemark bounds for what panels of models say; only the keyed mode proves a copy."
        )
    )


def _print_bounds(found: "MarkBounds") -> None:
    say_text(
        f"τ = {found.threshold} of {found.bits} bits: fair bits are detected with probability "
        f"{found.image_false_positive_rate:.2g} an image.\n"
        f"A model is a copy with {found.needed} of {found.images} images detected: fair bits reach "
        f"that with probability {found.false_detection:.2g} (at most {found.alpha:g})."
    )
    for panel in found.panels:
        error = "false detection" if panel.kind == "independent" else "misdetection"
        side = "at most" if panel.kind == "independent" else "at least"
        say_text(
            f"\n{panel.models} {panel.kind} models: {panel.wrong} decided wrongly; "
            f"{panel.rate:.2%} of their images detected ({side} {panel.rate_bound:.2%}).\n"
            f"With confidence {panel.confidence:.0%}: {error} at most {panel.error:.2g} "
            f"(Poisson-binomial, images independent), {panel.without_independence:.2g} (Markov, no "
            f"independence), {panel.whole:.2g} (each model one trial)."
        )
