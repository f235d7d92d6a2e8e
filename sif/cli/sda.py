"""`sif sda`: what a thief gains who hides a stolen model behind a benign one."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sif.cli.progress import bar

if TYPE_CHECKING:
    from sif.attacks.divergence.figures import Divergence
    from sif.attacks.divergence.signal import Signal
    from sif.types import Suspect

MARK, RESULT, PAGE = "sda-request.json", "sda.json", "sda.md"
DEFAULT_EMBEDDER = "all-MiniLM-L6-v2"


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


SIGNALS = {
    Limits.CALIBRATED: ("perplexity", "jaccard", "cosine", "length"),
    Limits.PAPER: ("perplexity", "jaccard"),
    Limits.RELEASE: ("perplexity", "cosine", "length"),
}


def sda(
    fingerprint: Annotated[Path, typer.Argument(help="Folder written by `sif fingerprint`.")],
    suspect: Annotated[
        str, typer.Argument(help="hf:MODEL, vllm:MODEL or openai:URL#NAME, with ?option=value&…")
    ],
    reference: Annotated[
        str, typer.Option(metavar="SUSPECT", help="The benign model, written in the same way.")
    ],
    benign: Annotated[
        Path,
        typer.Option(
            metavar="DIR|JSONL",
            help="Ordinary questions: a folder of pictures, or JSONL with image and prompt. Half "
            "of the pictures serve to choose limits, the other half is reported.",
        ),
    ],
    fpr: Annotated[
        float,
        typer.Option(min=1e-4, max=0.5, help="Share of benign questions that may be flagged."),
    ] = 0.05,
    thresholds: Annotated[
        Limits, typer.Option(help="Chosen on --benign for --fpr, or as published.")
    ] = Limits.CALIBRATED,
    method: Annotated[
        Method, typer.Option(help="How signals share --fpr: one rank for all, or equal parts.")
    ] = Method.JOINT,
    signals: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,…",
            help="perplexity, jaccard, cosine, length.",
            show_default="those of --thresholds; all four if calibrated",
        ),
    ] = None,
    embedder: Annotated[
        str, typer.Option(help="Of cosine: a sentence-transformers model, by folder or name.")
    ] = DEFAULT_EMBEDDER,
    language_model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Of perplexity: folder or hub id of a vision-language model, where the reference "
            "is not hf:",
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            metavar="SUSPECT",
            help="The strong variant: a multimodal model that judges each answer, for example "
            "openai:URL#NAME. It flags on its own account, outside --fpr.",
        ),
    ] = None,
    judge_sees: Annotated[
        View, typer.Option(help="The suspect's answer alone, or the reference's beside it.")
    ] = View.ALONE,
    calibration: Annotated[
        bool, typer.Option(help="Test transfer where the fingerprint was calibrated.")
    ] = True,
    alpha: Annotated[float, typer.Option(help="Bound on the false-claim probability.")] = 1e-6,
    seed: Annotated[int, typer.Option(help="Of the draw of the two halves.")] = 0,
    secret: Annotated[
        Path | None, typer.Option(help="The key file, where it is not in the fingerprint.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="Folder for answers, sda.json, sda.md and sda.svg.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print sda.json.")] = False,
) -> None:
    """Tries the semantic divergence attack: flagged questions get a benign model's answers.

    Both models answer benign questions and the triggers. Signals flag questions on which they
    diverge; the verdict on the suspect behind this defence is set beside that on the suspect alone.
    Answers are kept in --run: after an interruption the same command goes on, and other limits need
    no answer anew.

    Example: `sif sda my-fingerprint hf:stolen --reference hf:other --benign photos --run runs/sda`
    """
    import json
    import tempfile
    from contextlib import ExitStack, closing

    from sif.attacks.divergence.benign import halve, read_benign
    from sif.attacks.divergence.page import as_markdown
    from sif.attacks.divergence.trial import Rules, try_divergence
    from sif.files import claim_folder, write_atomically
    from sif.fingerprint.folder import FingerprintSet
    from sif.ownership.calibration import allowance_of, read_calibration
    from sif.ownership.policy import Policy
    from sif.ownership.run import JOURNAL
    from sif.suspects.connect import connect
    from sif.suspects.journal import Journal
    from sif.suspects.journalled import Journalled
    from sif.suspects.uri import SuspectAddress

    chosen = _names(signals, thresholds)
    for address in (suspect, reference, *([judge] if judge else [])):
        SuspectAddress.parse(address)
    owned = FingerprintSet.load(fingerprint, secret=secret)
    measured = read_calibration(fingerprint) if calibration else None
    allowance, highest = allowance_of(measured, Policy(alpha=alpha))
    rules = Rules(
        kind=thresholds.value,
        fpr=fpr,
        method=method.value,
        policy=Policy(alpha=alpha, transfer_allowance=allowance),
        highest_unrelated=highest,
    )
    halves = halve(read_benign(benign, owned.triggers[0].record.generation), seed=seed)
    with ExitStack() as stack:
        folder = run or Path(stack.enter_context(tempfile.TemporaryDirectory())) / "run"
        words = {"fingerprint": str(fingerprint.resolve()), "suspect": suspect}
        claim_folder(folder, mark=MARK, words=json.dumps(words | {"reference": reference}))
        stolen = stack.enter_context(closing(connect(suspect)))
        other = stack.enter_context(closing(connect(reference)))
        judging = stack.enter_context(closing(connect(judge))) if judge else None
        journal = stack.enter_context(Journal(folder / JOURNAL))
        measuring = [_signal(name, other, embedder, language_model) for name in chosen]
        if judging is not None:
            measuring.append(_judge(judging, Journalled(judging, journal), judge_sees))
        with bar() as show:
            found = try_divergence(
                owned,
                Journalled(stolen, journal),
                Journalled(other, journal),
                benign=halves,
                signals=measuring,
                rules=rules,
                report=show,
            )
        write_atomically(folder / RESULT, found.model_dump_json(indent=2))
        write_atomically(folder / PAGE, as_markdown(found))
        if run is not None:
            _draw(folder, found)
    typer.echo(found.model_dump_json(indent=2) if as_json else summary(found))


def summary(found: "Divergence") -> str:
    """A trial in a few lines."""
    from sif.attacks.divergence.page import (
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


def _names(signals: str | None, thresholds: Limits) -> list[str]:
    from sif.errors import UsageError

    known = SIGNALS[Limits.CALIBRATED]
    if signals is None:
        return list(SIGNALS[thresholds])
    names = [name.strip() for name in signals.split(",")]
    for name in names:
        if name not in known:
            raise UsageError(f"expected signals among {', '.join(known)}, got {name[:40]!r}")
    allowed = SIGNALS[thresholds]
    chosen = [name for name in dict.fromkeys(names) if name in allowed]
    if not chosen:
        raise UsageError(
            f"expected with the {thresholds.value} thresholds signals among {', '.join(allowed)}, "
            f"got {signals}"
        )
    return chosen


def _signal(name: str, reference: "Suspect", embedder: str, language_model: str | None) -> "Signal":
    from sif.attacks.divergence.length import AnswerLength
    from sif.attacks.divergence.overlap import WordOverlap
    from sif.attacks.divergence.similarity import EmbeddingSimilarity, load_embedder

    match name:
        case "perplexity":
            return _perplexity(reference, language_model)
        case "cosine":
            return EmbeddingSimilarity(load_embedder(embedder))
        case "jaccard":
            return WordOverlap()
    return AnswerLength()


def _perplexity(reference: "Suspect", language_model: str | None) -> "Signal":
    """The reference's own weights where they are at hand."""
    from sif.attacks.divergence.perplexity import PromptPerplexity
    from sif.errors import UsageError
    from sif.suspects.transformers_suspect import TransformersSuspect
    from sif.vlm.folder import load_model, load_processor

    if language_model is not None:
        return PromptPerplexity(
            load_model(language_model), load_processor(language_model).tokenizer
        )
    if not isinstance(reference, TransformersSuspect):
        raise UsageError(
            "expected a reference with hf:, whose language model says how odd a prompt is, got "
            f"{reference.name}; name its weights with --language-model, or leave perplexity out "
            "with --signals jaccard,cosine,length"
        )
    return PromptPerplexity(reference.model, reference.tokenizer)


def _judge(model: "Suspect", kept: "Suspect", view: View) -> "Signal":
    from sif.attacks.divergence.judge import Judge
    from sif.suspects.openai_suspect import OpenAISuspect

    if isinstance(model, OpenAISuspect):
        return Judge(kept, view=view.value, usage=lambda: model.usage)
    return Judge(kept, view=view.value)


def _draw(folder: Path, found: "Divergence") -> None:
    from sif.attacks.divergence.page import PLOT
    from sif.attacks.divergence.plot import as_picture
    from sif.files import write_atomically

    write_atomically(folder / PLOT, as_picture(found))
