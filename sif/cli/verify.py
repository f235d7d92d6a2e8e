"""`sif verify`: one suspect, one fingerprint, one verdict."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sif.cli import options
from sif.cli.progress import bar
from sif.cli.say import say_either

if TYPE_CHECKING:
    from sif.cli.progress import Show
    from sif.ownership.sequential import AskingProgress
    from sif.ownership.verdict import Verdict

FAILED_AS_ASKED = 3


class FailIf(StrEnum):
    """Verdicts that can become an exit code."""

    DERIVED = "derived"
    NOT_SHOWN = "not_shown"


Budget = Annotated[int | None, typer.Option(help="Most questions to ask.")]
Committed = Annotated[
    bool,
    typer.Option("--committed", help="Ask by the rules of `sif claim commit`, not these options."),
]
ClaimBatch = Annotated[
    int | None,
    typer.Option(min=1, help="With --committed: which batch of the claim's triggers to ask."),
]
Control = Annotated[
    bool | None,
    typer.Option(
        "--control/--no-control",
        show_default="with --committed",
        help="Where the suspect looks derived, ask the pictures before they were changed too, one "
        "question more for each trigger: they must not lean to green.",
    ),
]
Allowance = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Mean reaction (0 to 1) that transfer explains, instead of the one that `sif "
        "calibrate` measured.",
    ),
]
Weights = Annotated[
    bool,
    typer.Option(
        "--weights/--no-weights", help="Count words by the fingerprint's weights, not all alike."
    ),
]
Run = Annotated[
    Path | None, typer.Option(help="Folder for answers and verdict; goes on where it stopped.")
]
Label = Annotated[str, typer.Option(help="A short name for the report.")]
GreyBox = Annotated[
    bool,
    typer.Option(
        "--grey-box",
        help="Also weigh the probabilities of the likeliest tokens, for suspects with "
        "?logprobs=20. A result of its own; the decision does not look at it.",
    ),
]
Unrelated = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="RUN",
        help="For imported fingerprints: the run of an unrelated suspect; give all that you have. "
        "The published match rate compares with them.",
    ),
]
Fail = Annotated[FailIf | None, typer.Option(help="Exit with code 3 on this verdict, for scripts.")]


def verify(
    fingerprint: options.Fingerprint,
    suspect: options.Suspect,
    alpha: options.Alpha = 1e-6,
    budget: Budget = None,
    repeats: options.Repeats = 1,
    also_ask: options.AlsoAsk = None,
    batch: options.Batch = 8,
    image_attack: options.ImageAttack = None,
    answer_attack: options.AnswerAttack = None,
    example: options.Example = None,
    committed: Committed = False,
    claim_batch: ClaimBatch = None,
    control: Control = None,
    transfer_allowance: Allowance = None,
    transfer_test: options.TransferTest = None,
    calibration: options.Calibrated = True,
    weights: Weights = True,
    run: Run = None,
    label: Label = "",
    secret: options.Secret = None,
    grey_box: GreyBox = False,
    unrelated: Unrelated = None,
    as_json: options.Json = False,
    fail_if: Fail = None,
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
    from sif.fingerprint.folder import FingerprintSet
    from sif.ownership.policy import Policy
    from sif.session.manner import Manner
    from sif.session.session import Session
    from sif.suspects.prefaced import read_example

    manner = Manner(
        image_attacks=image_attack or (),
        answer_attacks=answer_attack or (),
        example=None if example is None else read_example(example),
    )
    manner.check()
    policy = Policy(
        alpha=alpha,
        budget=budget,
        repeats=repeats,
        also_ask=tuple(also_ask or ()),
        transfer_allowance=transfer_allowance,
        weighted=weights,
    )
    session = Session(
        fingerprint=FingerprintSet.load(fingerprint, secret=secret),
        suspect=suspect,
        policy=policy,
        manner=manner,
        committed=committed,
        claim_batch=claim_batch,
        control=control,
        transfer_test=None if transfer_test is None else transfer_test.value,
        calibrated=calibration,
        run=run,
        label=label,
        batch_size=batch,
        grey_box=grey_box,
        unrelated=unrelated or (),
    )
    with bar() as show:
        verdict = session.verify(report=lambda progress: _show(show, progress))
    say_either(verdict.model_dump_json(indent=2), summary(verdict), as_json=as_json)
    _leave(verdict, fail_if)


def _leave(verdict: "Verdict", fail_if: FailIf | None) -> None:
    if fail_if is not None and verdict.decision.value == fail_if.value:
        raise typer.Exit(FAILED_AS_ASKED)


def _show(show: "Show", progress: "AskingProgress") -> None:
    """How far the evidence has come; nothing where nothing can be proved."""
    found, needed = progress.log10_e_value, progress.log10_needed
    words = f"evidence 10^{found:.1f} of 10^{needed:.0f}"
    if progress.transfer_log10_e_value is not None:
        words += (
            f", against transfer 10^{progress.transfer_log10_e_value:.1f} of "
            f"10^{progress.transfer_log10_needed:.0f}"
        )
    if progress.published:
        words = "public keys: no proof"
    show("asking", progress.asked, progress.triggers, words)


def summary(verdict: "Verdict") -> str:
    """The verdict in a few lines; nothing is rounded in favour of the claim."""
    from math import floor

    from sif.ownership.verdict import rounded_up

    name = verdict.decision.value.upper().replace("_", " ")
    evidence = floor(100 * verdict.log10_e_value) / 100
    return (
        f"{name}  (log10 e-value {evidence:.2f}, p ≤ {rounded_up(verdict.p_value)}, "
        f"limit {verdict.alpha:.3g})\n{verdict.reason}\n"
        f"{verdict.queries} questions, {verdict.answered} triggers answered{_match(verdict)}"
        f"{_asked(verdict)}{_thought(verdict)}{_control(verdict)}{_nominal(verdict)}{_grey(verdict)}"
    )


def _asked(verdict: "Verdict") -> str:
    """A line each about what was not answered and what was asked otherwise than meant."""
    from sif.session.silence import of_concessions, of_silence

    lines = (of_silence(verdict), of_concessions(verdict))
    return "".join(f"\n{line}" for line in lines if line)


def _thought(verdict: "Verdict") -> str:
    """One line about a suspect that thinks."""
    if verdict.thought is None:
        return ""
    return (
        f"\nthe suspect thinks before it answers: of {verdict.thought} answers that part was left "
        "out, and only the words behind it were counted"
    )


def _control(verdict: "Verdict") -> str:
    """One line about the base pictures, and what asking them cost."""
    from sif.ownership.verdict import rounded_up

    shown = verdict.control
    if shown is None:
        return ""
    return (
        f"\ncontrol {'passed' if shown.passed else 'NOT PASSED'}: {shown.queries} questions more "
        f"about the pictures before they were changed, p ≤ {rounded_up(shown.p_value)} (refused "
        f"below {shown.level:g}); triggers beyond them: log10 e-value "
        f"{shown.pairs_log10_e_value:.2f}"
    )


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
