"""`sif calibrate`: how far models that are not yours react to your triggers."""

from typing import TYPE_CHECKING, Annotated

import typer

from sif.cli import options
from sif.cli.progress import bar
from sif.cli.say import say_either
from sif.cli.workforce import workforce

if TYPE_CHECKING:
    from sif.ownership.calibration import Calibration, PanelMember

SUSPICIOUS = 2.0


Panel = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SUSPECT",
        help="A model that is certainly not derived from yours, written as for `sif verify`; "
        "give several, best of the same architecture and trained on similar data.",
    ),
]
Source = Annotated[
    str | None,
    typer.Option(
        metavar="SUSPECT",
        help="The model that the triggers were made on, to be asked too: `sif verify` can then "
        "also tell whose words a suspect's are. Needs two or more in the panel.",
    ),
]
ImageAttack = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME:NUMBER",
        help="Also ask with attacked pictures, as verifying will, in the words of `sif verify "
        "--image-attack`; each is a setting of its own (join those that happen together by +).",
    ),
]
Confidence = Annotated[
    float, typer.Option(min=0.5, max=0.9999, help="With which all bounds hold together.")
]


def calibrate(
    fingerprint: options.Fingerprint,
    panel: Panel = None,
    source: Source = None,
    image_attack: ImageAttack = None,
    repeats: options.Repeats = 1,
    also_ask: options.AlsoAsk = None,
    example: options.Example = None,
    confidence: Confidence = 0.99,
    batch: options.Batch = 8,
    secret: options.Secret = None,
    as_json: options.Json = False,
    jobs: options.Jobs = None,
    ray: options.Ray = None,
    threads: options.Threads = None,
    worker_cpus: options.WorkerCpus = 1.0,
    worker_gpus: options.WorkerGpus = None,
    worker_memory: options.WorkerMemory = None,
) -> None:
    """Measures the transfer allowance: how far unrelated models react to the triggers.

    Triggers made on one model may move others a little. Every model of the panel answers every
    trigger; an answer's reaction is from 0 (no more green words than by chance) to 1, and the
    largest upper confidence bound of a model's mean reaction becomes the allowance. It is written
    to calibration.json in the fingerprint, and `sif verify` then makes a claim only where the
    suspect's answers exclude transfer as well.

    Siblings of your model, trained on the same data, may react nearly as copies do, but in words
    of their own. With --source the source answers too, and an answer's contrast is from 0 to 1: 1
    where it is clearly nearer to the source's than to that of anybody else in the panel. Each model
    of the panel is measured with itself left out, and the largest bound is the second allowance. So
    put siblings into the panel where there are any: with strangers alone a sibling looks near.

    Do it once, before the first suspect is verified. Answers are kept in the fingerprint, so after
    an interruption the same command goes on. With --jobs or --ray each worker asks one model.

    Example: `sif calibrate my-fingerprint --panel hf:other-a --panel hf:other-b`

    Example: `sif calibrate fp --source hf:mine --panel hf:sibling --panel hf:other`
    """
    from sif.errors import UsageError
    from sif.fingerprint.folder import FingerprintSet
    from sif.ownership.policy import Policy
    from sif.session.manner import Manner
    from sif.session.panel import calibrate as measure
    from sif.suspects.prefaced import read_example
    from sif.suspects.uri import SuspectAddress

    force = workforce(jobs, ray, threads, worker_cpus, worker_gpus, worker_memory)
    policy = Policy(repeats=repeats, also_ask=tuple(also_ask or ()))
    if example is not None:
        read_example(example)
    Manner(image_attacks=image_attack or ()).check()
    for address in (*(panel or []), *([source] if source else [])):
        SuspectAddress.parse(address)
    if not panel:
        raise UsageError(
            "expected --panel SUSPECT, once for each model that is not yours; got none"
        )
    owned = FingerprintSet.load(fingerprint, secret=secret)
    with bar() as show:
        found = measure(
            owned,
            panel,
            source=source,
            policy=policy,
            image_attacks=image_attack or (),
            example=example,
            confidence=confidence,
            batch_size=batch,
            workforce=force,
            report=show,
        )
    say_either(found.model_dump_json(indent=2), summary(found), as_json=as_json)


def summary(found: "Calibration") -> str:
    """A line for each member, and what follows."""
    lines = [
        f"{member.suspect}: {member.green_rate:.1%} green in "
        f"{len(member.answers)} answers, reaction {member.reaction:.2f}, at most "
        f"{member.upper_bound:.2f}{_contrast(member)}{_doubt(member.log10_e_value)}"
        for member in found.members
    ]
    if found.contrast_allowance is not None:
        nearest = max(one.nearest for one in found.source)
        lines.append(
            f"contrast allowance {found.contrast_allowance:.4f}; the nearest of the panel shares "
            f"{nearest:.0%} of the source's words in their order (siblings share more than "
            "strangers: a sibling that is nearer than this may look like a copy)"
        )
    return "\n".join(
        [
            *lines,
            f"the panel as a whole: reaction {found.reaction:.2f}, at most {found.upper_bound:.2f}",
            f"transfer allowance {found.allowance:.4f} (chance alone gives about 0.1), at "
            f"{found.confidence:.0%} confidence; more triggers make it smaller",
        ]
    )


def _contrast(member: "PanelMember") -> str:
    if member.contrast is None or member.contrast_bound is None:
        return ""
    return f"; contrast {member.contrast:.2f}, at most {member.contrast_bound:.2f}"


def _doubt(log10_e_value: float) -> str:
    if log10_e_value < SUSPICIOUS:
        return ""
    return f"  (log10 E {log10_e_value:.1f}: is it really unrelated? If so, triggers transfer)"
