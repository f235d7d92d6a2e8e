"""`sif claim audit`: what a third party makes of a bundle."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sif.cli.options import Json
from sif.cli.verify import FAILED_AS_ASKED

if TYPE_CHECKING:
    from sif.claims import AuditReport, Step


class Required(StrEnum):
    """What `--require` takes."""

    VERIFIED = "verified"
    CONSISTENT = "consistent"


LargestChange = Annotated[
    float, typer.Option(help="Of any pixel of a trigger, in 1/255, whatever the recipe says.")
]
PanelLimit = Annotated[
    float, typer.Option(help="Largest log10 e-value that a panel member may show.")
]


def audit(
    bundle: Annotated[Path, typer.Argument(help="File written by `sif claim reveal`.")],
    tsa_certificate: Annotated[
        list[Path] | None,
        typer.Option(metavar="PEM", help="Roots of timestamp authorities that you trust."),
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option(help="The owner's public key (PEM), got elsewhere.")
    ] = None,
    released: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
            help="When the suspect became known, in UTC: the commitment must be older.",
        ),
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="Folder of the tokenizer that the model is known to have.")
    ] = None,
    suspect: Annotated[
        str | None, typer.Option(help="Ask the suspect again, as `sif verify` would.")
    ] = None,
    panel: Annotated[
        list[str] | None,
        typer.Option(metavar="SUSPECT", help="Independent models of yours; must not react."),
    ] = None,
    panel_limit: PanelLimit = 2.0,
    grinding_budget: Annotated[
        float, typer.Option(help="Secrets that the claimant may have tried, if not anchored.")
    ] = 2.0**40,
    anchor_budget: Annotated[
        float, typer.Option(help="Timestamps that he may have asked for, if anchored.")
    ] = 1e7,
    largest_change: LargestChange = 32.0,
    alpha: Annotated[float, typer.Option(help="α that you ask for, whatever the claim's.")] = 1e-6,
    alpha_transfer: Annotated[float, typer.Option(help="The same against transfer.")] = 0.01,
    require: Annotated[
        Required | None, typer.Option(help="Exit with 3 where the outcome is weaker than this.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Computes everything again from scratch, in numbered steps up to the first that fails.

    VERIFIED: every step passed, which takes all of --tsa-certificate, --public-key, --released,
    --tokenizer, --suspect and --panel. CONSISTENT, NOT VERIFIED: none failed, but some were not
    checked, and the last line names them; made-up answers come as far. REFUTED: a step failed.

    The claim has to hold at your --alpha and --alpha-transfer and at its own. Suspect and panel are
    asked with the run's example and image attack; nothing else needs a model or a GPU.

    Exit codes: 0 verified or consistent, 1 refuted, or the audit could not be made, 2 wrong usage;
    with --require, 3 for an outcome that is weaker.

    Example: `sif claim audit theirs.zip --tsa-certificate tsa-root.pem --panel hf:other-model`
    """
    from datetime import UTC

    from sif.claims import Means, load_roots
    from sif.claims import audit as check
    from sif.claims.signing import PublicKey
    from sif.session.auditor import asked_as_in_run

    means = Means(
        roots=load_roots(tsa_certificate or []),
        public_key=None if public_key is None else PublicKey.load(public_key),
        released=None if released is None else released.replace(tzinfo=UTC),
        tokenizer=tokenizer,
        suspect=None if suspect is None else asked_as_in_run(suspect),
        panel=None if panel is None else [asked_as_in_run(address) for address in panel],
        panel_limit=panel_limit,
        secrets_tried=grinding_budget,
        tokens_tried=anchor_budget,
        largest_change=largest_change,
        alpha=alpha,
        alpha_transfer=alpha_transfer,
    )
    found = check(bundle, means, report=_say_nothing if as_json else _print_step)
    typer.echo(found.model_dump_json(indent=2) if as_json else found.headline)
    _leave(found, require)


def _leave(found: "AuditReport", require: Required | None) -> None:
    """Ends the command with the code that is promised."""
    from sif.claims import Outcome

    if require is not None and not found.outcome.carries(Outcome(require.value)):
        raise typer.Exit(FAILED_AS_ASKED)
    found.raise_if_failed()


def _print_step(step: "Step") -> None:
    typer.echo(f"{step.number:2d}  {step.status.value:11s}  {step.name:10s}  {step.sentence}")


def _say_nothing(step: "Step") -> None:
    """JSON alone goes to standard output."""
