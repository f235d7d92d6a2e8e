"""`sif calibrate`: how far models that are not yours react to your triggers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sif.cli.progress import bar

if TYPE_CHECKING:
    from sif.ownership.calibration import Calibration

ANSWERS = "answers.sqlite"
SUSPICIOUS = 2.0


def calibrate(
    fingerprint: Annotated[Path, typer.Argument(help="Folder written by `sif fingerprint`.")],
    panel: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SUSPECT",
            help="A model that is certainly not derived from yours, written as for `sif verify`; "
            "give several, best of the same architecture and trained on similar data.",
        ),
    ] = None,
    image_attack: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:NUMBER",
            help="Also ask with attacked pictures, as audits will, in the words of `sif verify "
            "--image-attack`; each is a setting of its own (join those that happen together by +).",
        ),
    ] = None,
    repeats: Annotated[
        int, typer.Option(min=1, help="Ask each question so often, as audits will.")
    ] = 1,
    also_ask: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PROMPT", help="Ask about every trigger with this too, as audits will."
        ),
    ] = None,
    example: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT|@FILE", help="Put this example before every prompt, as audits will."
        ),
    ] = None,
    confidence: Annotated[
        float, typer.Option(min=0.5, max=0.9999, help="With which all bounds hold together.")
    ] = 0.99,
    batch: Annotated[int, typer.Option(min=1, help="Triggers asked together.")] = 8,
    secret: Annotated[
        Path | None, typer.Option(help="The key file, where it is not in the fingerprint.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print calibration.json.")] = False,
) -> None:
    """Measures the transfer allowance: how far unrelated models react to the triggers.

    Triggers made on one model may move others a little. Every model of the panel answers every
    trigger; an answer's reaction is from 0 (no more green words than by chance) to 1, and the
    largest upper confidence bound of a model's mean reaction becomes the allowance. It is written
    to calibration.json in the fingerprint, and `sif verify` then makes a claim only where the
    suspect's answers exclude transfer as well.

    Do it once, before the first audit. Answers are kept in the fingerprint, so after an
    interruption the same command goes on.

    Example: `sif calibrate my-fingerprint --panel hf:other-a --panel hf:other-b`
    """
    from contextlib import closing
    from functools import partial

    from sif.attacks.images import AttackedSuspect, Nothing, parse_image_attack
    from sif.errors import UsageError
    from sif.fingerprint.folder import FingerprintSet
    from sif.ownership.calibration import Asked, ask_member, write_calibration
    from sif.ownership.calibration import calibrate as measure
    from sif.ownership.policy import Policy
    from sif.suspects.connect import connect
    from sif.suspects.journal import Journal
    from sif.suspects.journalled import Journalled
    from sif.suspects.prefaced import PrefacedSuspect, read_example
    from sif.suspects.uri import SuspectAddress

    policy = Policy(repeats=repeats, also_ask=tuple(also_ask or ()))
    shown = None if example is None else read_example(example)
    attacks = dict.fromkeys(parse_image_attack(text) for text in ["none", *(image_attack or [])])
    for address in panel or []:
        SuspectAddress.parse(address)
    if not panel:
        raise UsageError(
            "expected --panel SUSPECT, once for each model that is not yours; got none"
        )
    owned, asked = FingerprintSet.load(fingerprint, secret=secret), list[Asked]()
    with Journal(fingerprint / "calibration" / ANSWERS) as journal, bar() as show:
        for address in dict.fromkeys(panel):  # one model in memory at a time
            with closing(connect(address)) as asked_one:
                member = asked_one if shown is None else PrefacedSuspect(asked_one, shown)
                for attack in attacks:
                    seen = member if attack == Nothing() else AttackedSuspect(member, attack)
                    asked.append(
                        ask_member(
                            owned,
                            Journalled(seen, journal),
                            image_attack=str(attack),
                            policy=policy,
                            batch_size=batch,
                            report=partial(show, seen.name),
                        )
                    )
    found = measure(owned, asked, policy=policy, example=shown, confidence=confidence)
    write_calibration(fingerprint, found)
    typer.echo(found.model_dump_json(indent=2) if as_json else summary(found))


def summary(found: "Calibration") -> str:
    """A line for each member, and what follows."""
    lines = [
        f"{member.suspect}{_through(member.image_attack)}: {member.green_rate:.1%} green in "
        f"{len(member.answers)} answers, reaction {member.reaction:.2f}, at most "
        f"{member.upper_bound:.2f}{_doubt(member.log10_e_value)}"
        for member in found.members
    ]
    return "\n".join(
        [
            *lines,
            f"the panel as a whole: reaction {found.reaction:.2f}, at most {found.upper_bound:.2f}",
            f"transfer allowance {found.allowance:.4f} (chance alone gives about 0.1), all bounds "
            f"together at {found.confidence:.0%} confidence; more triggers make it smaller",
        ]
    )


def _doubt(log10_e_value: float) -> str:
    if log10_e_value < SUSPICIOUS:
        return ""
    return f"  (log10 E {log10_e_value:.1f}: is it really unrelated? If so, triggers transfer)"


def _through(image_attack: str) -> str:
    return "" if image_attack == "none" else f" ({image_attack})"
