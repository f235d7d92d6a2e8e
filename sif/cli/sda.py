"""`sif sda`: what a thief gains who hides a stolen model behind a benign one."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sif.cli import options
from sif.cli.progress import bar
from sif.cli.say import say_either

if TYPE_CHECKING:
    from sif.attacks.divergence.sda_json import Divergence


class Limits(StrEnum):
    """Where limits come from."""

    CALIBRATED = "calibrated"
    PAPER = "paper"
    RELEASE = "release"


class Method(StrEnum):
    """How the false-positive rate is shared among signals."""

    JOINT = "joint"
    BONFERRONI = "bonferroni"


class View(StrEnum):
    """What the judge is shown."""

    ALONE = "alone"
    BESIDE = "beside"


Reference = Annotated[
    str, typer.Option(metavar="SUSPECT", help="The benign model, written in the same way.")
]
Benign = Annotated[
    Path,
    typer.Option(
        metavar="DIR|JSONL",
        help="Ordinary questions: a folder of pictures, or JSONL with image and prompt, or what "
        "`sif thief --finetune` reads. Half of the pictures serve to choose limits, the other half "
        "is reported.",
    ),
]
Rate = Annotated[
    float, typer.Option(min=1e-4, max=0.5, help="Share of benign questions that may be flagged.")
]
Thresholds = Annotated[Limits, typer.Option(help="Chosen on --benign for --fpr, or as published.")]
Sharing = Annotated[
    Method, typer.Option(help="How signals share --fpr: one rank for all, or equal parts.")
]
Signals = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,…",
        help="perplexity, jaccard, cosine, length.",
        show_default="those of --thresholds; all four if calibrated",
    ),
]
Embedder = Annotated[
    str, typer.Option(help="Of cosine: a sentence-transformers model, by folder or name.")
]
LanguageModel = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="Of perplexity: folder or hub id of a vision-language model, where the reference "
        "is not hf:",
    ),
]
JudgeModel = Annotated[
    str | None,
    typer.Option(
        metavar="SUSPECT",
        help="The strong variant: a multimodal model that judges each answer, for example "
        "openai:URL#NAME. It flags on its own account, outside --fpr.",
    ),
]
Sees = Annotated[
    View, typer.Option(help="The suspect's answer alone, or the reference's beside it.")
]
Seed = Annotated[int, typer.Option(help="Of the draw of the two halves.")]
Run = Annotated[Path | None, typer.Option(help="Folder for answers, sda.json, sda.md and sda.svg.")]


def sda(
    fingerprint: options.Fingerprint,
    suspect: options.Suspect,
    reference: Reference,
    benign: Benign,
    fpr: Rate = 0.05,
    thresholds: Thresholds = Limits.CALIBRATED,
    method: Sharing = Method.JOINT,
    signals: Signals = None,
    embedder: Embedder = "all-MiniLM-L6-v2",
    language_model: LanguageModel = None,
    judge: JudgeModel = None,
    judge_sees: Sees = View.ALONE,
    calibration: options.Calibrated = True,
    alpha: options.Alpha = 1e-6,
    seed: Seed = 0,
    secret: options.Secret = None,
    run: Run = None,
    strict: options.Strict = False,
    as_json: options.Json = False,
) -> None:
    """Tries the semantic divergence attack: flagged questions get a benign model's answers.

    Both models answer benign questions and the triggers. Signals flag questions on which they
    diverge; the verdict on the suspect behind this defence is set beside that on the suspect alone.
    Answers are kept in --run: after an interruption the same command goes on, and other limits need
    no answer anew.

    Example: `sif sda my-fingerprint hf:stolen --reference hf:other --benign photos --run runs/sda`
    """
    from sif.fingerprint.folder import FingerprintSet
    from sif.session.sda import SdaSession, chosen_signals
    from sif.suspects.uri import SuspectAddress

    wanted = None if signals is None else tuple(name.strip() for name in signals.split(","))
    chosen_signals(wanted, thresholds.value)
    for address in (suspect, reference, *([judge] if judge else [])):
        SuspectAddress.parse(address)
    session = SdaSession(
        fingerprint=FingerprintSet.load(fingerprint, secret=secret),
        suspect=suspect,
        reference=reference,
        benign=benign,
        fpr=fpr,
        thresholds=thresholds.value,
        method=method.value,
        signals=wanted,
        embedder=embedder,
        language_model=language_model,
        judge=judge,
        judge_sees=judge_sees.value,
        calibrated=calibration,
        alpha=alpha,
        seed=seed,
        run=run,
        strict=strict,
    )
    with bar() as show:
        found = session.attack(report=show)
    say_either(found.model_dump_json(indent=2), summary(found), as_json=as_json)


def summary(found: "Divergence") -> str:
    """A trial in a few lines."""
    from sif.attacks.divergence.sda_page import (
        decision,
        evidence,
        extra,
        interval,
        judged,
        limits,
        match,
    )

    lines = [f"limits {limits(found)}"]
    for signal in found.signals:
        lines.append(
            f"{signal.name} {signal.limit.side} {signal.limit.limit:.3g}: benign "
            f"{interval(signal.rates.false_positives)}, triggers "
            f"{interval(signal.rates.detections)}"
        )
    lines.append(
        f"all together: benign {interval(found.combined.false_positives)}, triggers "
        f"{interval(found.combined.detections)}"
    )
    for name, verdict in (("the suspect", found.without), ("behind the defence", found.behind)):
        lines.append(
            f"{name}: {decision(verdict)}, log10 e-value {evidence(verdict)}, match rate "
            f"{match(verdict)}"
        )
    return "\n".join([*lines, extra(found), *([judged(found)] if found.judge else [])])
