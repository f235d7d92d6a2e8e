"""`sif claim show-possession` and its check: what the owner had beside released weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sif.cli.options import Certificates, Fingerprint
from sif.cli.progress import bar, counted
from sif.cli.say import say

if TYPE_CHECKING:
    from sif.claims.commitment import Header


def show_possession(
    fingerprint: Fingerprint,
    name: Annotated[str, typer.Argument(help="As in `sif claim commit --possession NAME=PATH`.")],
    out: Annotated[Path, typer.Option(help="File with the salt and the digests.")],
) -> None:
    """Opens one commitment of `sif claim commit --possession`, and no other.

    Whoever gets the file, and the thing itself, can check with `sif claim check-possession` that
    you had it when the commitment was timestamped.

    Example: `sif claim show-possession my-fingerprint optimiser --out optimiser.json`
    """
    from sif.claims.possession import show_possession as show

    shown = show(fingerprint, name, out)
    say(f"{out}: opens the commitment to the {shown.kind} {name}, {shown.sha256}")


def check_possession(
    claim: Annotated[
        Path, typer.Argument(help="A bundle, or a folder with the commitment in its claim/.")
    ],
    proof: Annotated[Path, typer.Argument(help="File of `sif claim show-possession`.")],
    thing: Annotated[Path, typer.Argument(help="The file or folder that is shown.")],
    public_key: Annotated[
        Path | None, typer.Option(help="The owner's public key (PEM), got elsewhere.")
    ] = None,
    tsa_certificate: Certificates = None,
) -> None:
    """Says whether a file or folder is one that a claim's owner had when he committed.

    It says who had these bytes and when, not who made them. Without --public-key the signature is
    only that of the key in the claim, and without --tsa-certificate the time is the claimant's
    word. The folder of a claim holds claim/commitment.dsse.json, claim/public.pem and, where there
    is one, claim/timestamp.tsr.

    Example: `sif claim check-possession theirs.zip optimiser.json optimiser.pt`
    """
    from sif.claims.possession import check_possession as check
    from sif.claims.possession import read_proof
    from sif.claims.public_claim import read_claim

    told = read_claim(claim, public_key=public_key, certificates=tsa_certificate or [])
    shown = read_proof(proof)
    with bar() as show:
        check(told.header, shown, thing, counted(show, "hashing"))
    say(f"{thing}: the {shown.kind} that was committed to as {shown.name}; {told.words}")


def bring_origin(fingerprint: Path, model: str | None, signature: Path | None) -> None:
    """Brings what is known of the model into a fingerprint that is about to be committed to."""
    from sif.claims import origin

    if model is not None:
        with bar() as show:
            origin.bring_model(fingerprint, model, counted(show, "hashing the model"))
    if signature is not None:
        origin.bring_signature(fingerprint, signature)


def private_possession(header: "Header") -> str:
    """A line on what was hidden, if anything was."""
    if not header.possession:
        return ""
    names = ", ".join(one.name for one in header.possession)
    return f"\ncommitted to, and hidden in possession.key (mode 0600): {names}"
