"""`sif claim audit`: what a third party makes of a bundle."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sif.claims.case import Asked
    from sif.ownership.run import RunRecord
    from sif.types import Suspect


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
    panel_limit: Annotated[
        float, typer.Option(help="Largest log10 e-value that a panel member may show.")
    ] = 2.0,
    grinding_budget: Annotated[
        float, typer.Option(help="Secrets that the claimant may have tried, if not anchored.")
    ] = 2.0**40,
    anchor_budget: Annotated[
        float, typer.Option(help="Timestamps that he may have asked for, if anchored.")
    ] = 1000.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Computes everything again from scratch, in numbered steps up to the first that fails.

    Needs no GPU and no model unless --suspect or --panel is given. Steps whose means you do not
    give are reported as not checked. The suspect and the panel are asked with the run's example and
    image attack, if it had any. Exit code 1 where a step fails.

    Example: `sif claim audit theirs.zip --tsa-certificate tsa-root.pem --panel hf:other-model`
    """
    from datetime import UTC

    from sif.claims import Means, Status, Step, load_roots
    from sif.claims import audit as check
    from sif.claims.folder import read
    from sif.claims.signing import PublicKey
    from sif.errors import ClaimError

    key = None
    if public_key is not None:
        pem = read(public_key, mend="name the owner's public key")
        key = PublicKey.parse(pem, where=str(public_key))
    means = Means(
        roots=load_roots(tsa_certificate or []),
        public_key=key,
        released=None if released is None else released.replace(tzinfo=UTC),
        tokenizer=tokenizer,
        suspect=None if suspect is None else _asked(suspect),
        panel=None if panel is None else [_asked(address) for address in panel],
        panel_limit=panel_limit,
        secrets_tried=grinding_budget,
        tokens_tried=anchor_budget,
    )

    def show(step: Step) -> None:
        if not as_json:
            typer.echo(
                f"{step.number:2d}  {step.status.value:11s}  {step.name:10s}  {step.sentence}"
            )

    found = check(bundle, means, report=show)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    if found.failed is not None:
        failed = found.step(found.failed)
        raise ClaimError(f"step {failed.number} ({failed.name}) fails: {failed.sentence}")
    if not as_json:
        left = [step.name for step in found.steps if step.status is Status.NOT_CHECKED]
        typer.echo(
            f"SUPPORTED: log10 e-value {found.log10_remaining:.2f} after the discount"
            + (f"; not checked: {', '.join(left)}" if left else "; everything was checked")
        )


def _asked(address: str) -> "Asked":
    """A suspect that is connected when its turn comes, with what the run put before its own."""
    from sif.claims import Asked
    from sif.suspects.uri import SuspectAddress

    SuspectAddress.parse(address)
    return Asked(name=address, open=lambda record: _as_in_run(address, record))


def _as_in_run(address: str, record: "RunRecord") -> "Suspect":
    from sif.attacks.images import AttackedSuspect, parse_image_attack
    from sif.claims.record import image_attack_of
    from sif.errors import ClaimError, UsageError
    from sif.suspects.connect import connect
    from sif.suspects.prefaced import PrefacedSuspect

    asked: Suspect = connect(address)
    if record.example is not None:
        asked = PrefacedSuspect(asked, record.example)
    if attack := image_attack_of(record.suspect):
        try:
            asked = AttackedSuspect(asked, parse_image_attack(attack))
        except UsageError as error:
            raise ClaimError(f"run.json names an attack on images that is none: {error}") from error
    return asked
