"""`sif claim audit`: what a third party makes of a bundle."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sif.cli.options import Certificates, Json
from sif.cli.say import say, say_either
from sif.cli.verify import FAILED_AS_ASKED

if TYPE_CHECKING:
    from sif.claims import AuditReport, Step


Witnesses = Annotated[
    list[Path] | None,
    typer.Option(metavar="PEM", help="Public keys of others who must have signed too."),
]


class Required(StrEnum):
    """What `--require` takes."""

    VERIFIED = "verified"
    CONSISTENT = "consistent"


DAYS: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]

PublicKeyFile = Annotated[
    Path | None, typer.Option(help="The owner's public key (PEM), got elsewhere.")
]
Released = Annotated[
    datetime | None,
    typer.Option(
        formats=DAYS, help="When the suspect became known, in UTC: the commitment must be older."
    ),
]
ModelReleased = Annotated[
    datetime | None,
    typer.Option(
        formats=DAYS,
        help="When the claimed model, or weights in it that are claimed too, was first public, in "
        "UTC: the commitment must be older.",
    ),
]
Parents = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODEL|DIGEST[=DATE]",
        help="A model from before: folder, hub id, model.manifest.json or SHA-256, and since when "
        "it is public; no file of its weights may be the claimed one's.",
    ),
]
ModelSignatureKey = Annotated[
    Path | None,
    typer.Option(help="Public key (PEM) under which model-signing must have signed the model."),
]
KnownTokenizer = Annotated[
    Path | None, typer.Option(help="Folder of the tokenizer that the model is known to have.")
]
AskedAgain = Annotated[
    str | None, typer.Option(help="Ask the suspect again, as `sif verify` would.")
]
Panel = Annotated[
    list[str] | None,
    typer.Option(metavar="SUSPECT", help="Independent models of yours; must not react."),
]
Source = Annotated[
    str | None,
    typer.Option(
        metavar="SUSPECT",
        help="The model that the triggers were made on, where the claim rests on contrasts: it "
        "must say what it is said to have answered.",
    ),
]
LargestChange = Annotated[
    float, typer.Option(help="Of any pixel of a trigger, in 1/255, whatever the recipe says.")
]
PanelLimit = Annotated[
    float, typer.Option(help="Largest log10 e-value that a panel member may show.")
]
GrindingBudget = Annotated[
    float, typer.Option(help="Secrets that the claimant may have tried, if not anchored.")
]
AnchorBudget = Annotated[
    float, typer.Option(help="Timestamps that he may have asked for, if anchored.")
]
Require = Annotated[
    Required | None, typer.Option(help="Exit with 3 where the outcome is weaker than this.")
]


def audit(
    bundle: Annotated[Path, typer.Argument(help="File written by `sif claim reveal`.")],
    tsa_certificate: Certificates = None,
    public_key: PublicKeyFile = None,
    witness: Witnesses = None,
    released: Released = None,
    model_released: ModelReleased = None,
    parent: Parents = None,
    model_signature_key: ModelSignatureKey = None,
    tokenizer: KnownTokenizer = None,
    suspect: AskedAgain = None,
    panel: Panel = None,
    source: Source = None,
    panel_limit: PanelLimit = 2.0,
    grinding_budget: GrindingBudget = 2.0**40,
    anchor_budget: AnchorBudget = 1e7,
    largest_change: LargestChange = 32.0,
    alpha: Annotated[float, typer.Option(help="α that you ask for, whatever the claim's.")] = 1e-6,
    alpha_transfer: Annotated[float, typer.Option(help="The same against transfer.")] = 0.01,
    require: Require = None,
    as_json: Json = False,
) -> None:
    """Computes everything again from scratch, in numbered steps up to the first that fails.

    VERIFIED: every step passed, which takes all of --tsa-certificate, --public-key, --released,
    --model-released, --tokenizer, --suspect and --panel, and --source where whose words they are
    decides. CONSISTENT, NOT VERIFIED: none failed, but
    some were not checked, and the last line names them; made-up answers come as far. REFUTED: a
    step failed.

    Shown is that the suspect derives from the model on which the triggers were made. Whose that is,
    step title asks, for anybody can fingerprint a public model: say when that one was first public
    with --model-released (the day of the audit if never), and what it may be taken from with
    --parent.

    The claim has to hold at your --alpha and --alpha-transfer and at its own. Suspect and panel are
    asked with the run's example and image attack; nothing else needs a model or a GPU.

    Exit codes: 0 verified or consistent, 1 refuted, or the audit could not be made, 2 wrong usage;
    with --require, 3 for an outcome that is weaker.

    Example: `sif claim audit theirs.zip --tsa-certificate tsa-root.pem --panel hf:other-model`
    """
    from datetime import UTC

    from sif.claims import Means, load_roots
    from sif.claims import audit as check
    from sif.claims.parents import Parent
    from sif.claims.signing import PublicKey
    from sif.session.auditor import asked_as_in_run

    means = Means(
        roots=load_roots(tsa_certificate or []),
        public_key=None if public_key is None else PublicKey.load(public_key),
        witnesses=[PublicKey.load(path) for path in witness or []],
        released=None if released is None else released.replace(tzinfo=UTC),
        model_released=None if model_released is None else model_released.replace(tzinfo=UTC),
        parents=[Parent.parse(text) for text in parent or []],
        model_signature_key=model_signature_key,
        tokenizer=tokenizer,
        suspect=None if suspect is None else asked_as_in_run(suspect),
        panel=None if panel is None else [asked_as_in_run(address) for address in panel],
        source=None if source is None else asked_as_in_run(source),
        panel_limit=panel_limit,
        secrets_tried=grinding_budget,
        tokens_tried=anchor_budget,
        largest_change=largest_change,
        alpha=alpha,
        alpha_transfer=alpha_transfer,
    )
    found = check(bundle, means, report=_say_nothing if as_json else _print_step)
    say_either(found.model_dump_json(indent=2), found.headline, as_json=as_json)
    _leave(found, require)


def _leave(found: "AuditReport", require: Required | None) -> None:
    """Ends the command with the code that is promised."""
    from sif.claims import Outcome

    if require is not None and not found.outcome.carries(Outcome(require.value)):
        raise typer.Exit(FAILED_AS_ASKED)
    found.raise_if_failed()


def _print_step(step: "Step") -> None:
    say(f"{step.number:2d}  {step.status.value:11s}  {step.name:10s}  {step.sentence}")


def _say_nothing(step: "Step") -> None:
    """JSON alone goes to standard output."""
