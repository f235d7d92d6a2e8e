"""`sif verify`: one suspect, one fingerprint, one verdict."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sif.cli.progress import bar

if TYPE_CHECKING:
    from sif.ownership.verdict import Verdict

FAILED_AS_ASKED = 3


class FailIf(StrEnum):
    """Verdicts that can become an exit code."""

    DERIVED = "derived"
    NOT_SHOWN = "not_shown"


def verify(
    fingerprint: Annotated[Path, typer.Argument(help="Folder written by `sif fingerprint`.")],
    suspect: Annotated[
        str, typer.Argument(help="hf:MODEL, vllm:MODEL or openai:URL#NAME, with ?option=value&…")
    ],
    alpha: Annotated[float, typer.Option(help="Bound on the false-claim probability.")] = 1e-6,
    budget: Annotated[int | None, typer.Option(help="Most questions to ask.")] = None,
    repeats: Annotated[int, typer.Option(help="Questions with each trigger.")] = 1,
    also_ask: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PROMPT",
            help="Ask about every trigger with this prompt too; its answers count with the others.",
        ),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Triggers asked together.")] = 8,
    image_attack: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:NUMBER",
            help="Attack the pictures first: jpeg:75, webp:75 (quality), resize:0.5, "
            "screenshot:1.25 (factor, and back), crop:0.05, crop-pad:0.05 (share of each side), "
            "rotate:2 (degrees), noise:4, purify:16 (deviation in 1/255), salt-pepper:0.01 (share "
            "of pixels), blur:1, median:1 (radius in pixels), bits:5 (per channel), "
            "brightness:1.2, contrast:0.8 (factor), gamma:1.5 (exponent) or none. Several, joined "
            "by + or as options given again, happen in their order.",
        ),
    ] = None,
    answer_attack: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:NUMBER|NAME:WORDS",
            help="Attack the answers: truncate:0.5 (share of words kept), drop:0.3 and shuffle:1 "
            "(shares of sentences), synonyms:0.3 (share of words; behind an @ another dictionary "
            "or a language model's folder), translate:1, case:0.5, punctuation:0.5, refuse:0.2, "
            "withhold:0.2 (rates), prefix:WORDS, paraphrase:openai:URL#NAME. Or how they come "
            "about: temperature:0.7, system:WORDS, cache, turns:0.5@SUSPECT, watermark:2, "
            "watermark-by-word:2, gumbel:4. Chained like image attacks, from the model outwards.",
        ),
    ] = None,
    example: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT|@FILE",
            help="An example description of another picture, put before every prompt; for suspects "
            "that answer in a word. Choose it once, before asking and without the key.",
        ),
    ] = None,
    committed: Annotated[
        bool,
        typer.Option(
            "--committed", help="Ask by the rules of `sif claim commit`, not by these options."
        ),
    ] = False,
    transfer_allowance: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Mean reaction (0 to 1) that transfer explains, instead of the one that "
            "`sif calibrate` measured.",
        ),
    ] = None,
    calibration: Annotated[
        bool, typer.Option(help="Test transfer where the fingerprint was calibrated.")
    ] = True,
    weights: Annotated[
        bool, typer.Option(help="Count words by the fingerprint's weights, not all alike.")
    ] = True,
    run: Annotated[
        Path | None, typer.Option(help="Folder for answers and verdict; goes on where it stopped.")
    ] = None,
    label: Annotated[str, typer.Option(help="A short name for the report.")] = "",
    secret: Annotated[
        Path | None, typer.Option(help="The key file, where it is not in the fingerprint.")
    ] = None,
    grey_box: Annotated[
        bool,
        typer.Option(
            "--grey-box",
            help="Also weigh the probabilities of the likeliest tokens, for suspects with "
            "?logprobs=20. A result of its own; the decision does not look at it.",
        ),
    ] = False,
    unrelated: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RUN",
            help="For imported fingerprints: the run of an unrelated suspect; give all that you "
            "have. The published match rate compares with them.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
    fail_if: Annotated[
        FailIf | None, typer.Option(help="Exit with code 3 on this verdict, for scripts.")
    ] = None,
) -> None:
    """Asks a suspect about the trigger images until the verdict is reached.

    The rules (--alpha, --budget, --repeats, the allowance) are fixed before the first question and
    written into --run. Answers are kept there as they come: after an interruption the same command
    goes on, and asks nothing twice.
    The suspect's name in --run holds --image-attack, --answer-attack and a digest of --example, so
    another attack or example needs another folder. What is done to answers needs no calibration of
    its own: it sees no key, and makes no unrelated model react to a picture.

    Example: `sif verify my-fingerprint "openai:http://localhost:8000/v1#model" --run runs/one`
    """
    import tempfile
    from contextlib import closing

    from sif.attacks import attacked
    from sif.attacks.answers import parse_answer_attacks
    from sif.attacks.images import in_order, parse_image_attack
    from sif.fingerprint.folder import FingerprintSet
    from sif.ownership.audit import AuditProgress
    from sif.ownership.audit import verify as audit
    from sif.ownership.calibration import allowance_of, read_calibration
    from sif.ownership.grey_box import grey_box as weigh
    from sif.ownership.policy import Policy
    from sif.ownership.run import JOURNAL, RunRecord, open_run, write_verdict
    from sif.suspects.connect import connect
    from sif.suspects.journal import Journal
    from sif.suspects.journalled import Journalled
    from sif.suspects.prefaced import PrefacedSuspect, read_example
    from sif.suspects.remembering import Remembering

    attack = in_order(parse_image_attack(text) for text in image_attack or [])
    behind = [one for text in answer_attack or [] for one in parse_answer_attacks(text)]
    shown = None if example is None else read_example(example)
    owned = FingerprintSet.load(fingerprint, secret=secret)
    tested = committed or (calibration and transfer_allowance is None)
    measured = read_calibration(fingerprint) if tested else None
    policy = Policy(
        alpha=alpha,
        budget=budget,
        repeats=repeats,
        also_ask=tuple(also_ask or ()),
        transfer_allowance=transfer_allowance,
        weighted=weights,
    )
    if committed:
        from sif.claims import read_commitment

        policy = read_commitment(fingerprint).header.policy
    allowance, highest = allowance_of(measured, policy, image_attack=str(attack), example=shown)
    if not committed and allowance is not None:
        policy = policy.model_copy(update={"transfer_allowance": allowance})
    asked = attacked(connect(suspect), *behind)
    if shown is not None:
        asked = PrefacedSuspect(asked, shown)
    asked = attacked(asked, attack)
    with closing(asked), tempfile.TemporaryDirectory() as scratch, bar() as show:
        folder = run or Path(scratch) / "run"
        record = RunRecord(
            fingerprint=str(fingerprint.resolve()),
            suspect=asked.name,
            label=label,
            example=shown,
            policy=policy,
        )
        open_run(folder, record)

        def report(progress: AuditProgress) -> None:
            found, needed = progress.log10_e_value, progress.log10_needed
            words = f"evidence 10^{found:.1f} of 10^{needed:.0f}"
            if progress.transfer_log10_e_value is not None:
                words += (
                    f", against transfer 10^{progress.transfer_log10_e_value:.1f} of "
                    f"10^{progress.transfer_log10_needed:.0f}"
                )
            if owned.published:
                words = "public keys: no proof"
            show("asking", progress.asked, progress.triggers, words)

        with Journal(folder / JOURNAL) as journal:
            kept = Remembering(Journalled(asked, journal))
            verdict = audit(
                owned,
                kept,
                policy,
                highest_unrelated=highest,
                batch_size=batch,
                report=report,
            )
        if grey_box:
            verdict = verdict.model_copy(update={"grey_box": weigh(owned, kept.answers)})
        if unrelated:
            verdict = compared(verdict, unrelated)
        write_verdict(folder, verdict)
    typer.echo(verdict.model_dump_json(indent=2) if as_json else summary(verdict))
    if fail_if is not None and verdict.decision.value == fail_if.value:
        raise typer.Exit(FAILED_AS_ASKED)


def summary(verdict: "Verdict") -> str:
    """The verdict in a few lines; nothing is rounded in favour of the claim."""
    from math import floor

    from sif.ownership.verdict import rounded_up

    name = verdict.decision.value.upper().replace("_", " ")
    evidence = floor(100 * verdict.log10_e_value) / 100
    return (
        f"{name}  (log10 e-value {evidence:.2f}, p ≤ {rounded_up(verdict.p_value)}, "
        f"limit {verdict.alpha:g})\n{verdict.reason}\n"
        f"{verdict.queries} questions, {verdict.answered} triggers answered{_match(verdict)}"
        f"{_nominal(verdict)}{_grey(verdict)}"
    )


def compared(verdict: "Verdict", unrelated: "list[Path]") -> "Verdict":
    """The verdict on an imported fingerprint with the published match rate.

    Raises:
        UsageError: the verdict or a run is of no imported fingerprint, or of other triggers.
    """
    from sif.errors import UsageError
    from sif.ownership.published import match_rate
    from sif.ownership.run import read_verdict

    others = [read_verdict(run).published for run in unrelated]
    figures = [other for other in others if other is not None]
    if verdict.published is None or len(figures) < len(others):
        raise UsageError(
            "expected with --unrelated a fingerprint of `sif import-published`, and runs that "
            "asked about it, got another; leave --unrelated out"
        )
    shown = verdict.published.model_copy(update={"unrelated": len(figures)})
    rate = match_rate(verdict.published, figures)
    changes: dict[str, object] = {"published": shown}
    if rate is not None:
        changes |= {"match_rate": rate.share, "match_interval": (rate.low, rate.high)}
    return verdict.model_copy(update=changes)


def _nominal(verdict: "Verdict") -> str:
    """One line about an imported fingerprint, of figures that prove nothing."""
    shown = verdict.published
    if shown is None or shown.mean_z is None:
        return ""
    rate = (
        "; no match rate without --unrelated runs"
        if verdict.match_rate is None
        else f"; the match rate is against {shown.unrelated} unrelated"
    )
    return (
        f"\nnominal, no proof: mean z {shown.mean_z:.2f}, {shown.clear_share or 0.0:.0%} of z at "
        f"3.5 or more, log10 e-value {shown.nominal_log10_e_value:.2f}{rate}"
    )


def _grey(verdict: "Verdict") -> str:
    """One line about the probabilities, set apart from the verdict."""
    from math import floor

    from sif.ownership.verdict import rounded_up

    figures = verdict.grey_box
    if figures is None:
        return ""
    if figures.log10_e_value is None or figures.p_value is None:
        return f"\ngrey-box, apart from the verdict: none; {figures.note}"
    return (
        "\ngrey-box, apart from the verdict: log10 e-value "
        f"{floor(100 * figures.log10_e_value) / 100:.2f}, p ≤ {rounded_up(figures.p_value)}, from "
        f"the probabilities at {figures.places} places of {figures.triggers} triggers; "
        f"{figures.note}"
    )


def _match(verdict: "Verdict") -> str:
    """The published match rate, for comparison."""
    if verdict.match_rate is None or verdict.match_interval is None:
        return ""
    low, high = verdict.match_interval
    return f", published match rate {verdict.match_rate:.2f} ({low:.2f} to {high:.2f})"
