"""`sif claim witness`: a second signature under somebody else's commitment."""

from pathlib import Path
from typing import Annotated

import typer

from sif.cli.options import SigningPublicKey
from sif.cli.say import say


def witness(
    commitment: Annotated[Path, typer.Argument(help="The owner's commitment.dsse.json.")],
    signing_key: Annotated[
        str, typer.Option(metavar="PEM|URI", help="Your own key; a PEM that is missing is made.")
    ],
    signing_public_key: SigningPublicKey = None,
) -> None:
    """Signs a commitment beside its owner, as somebody who saw it.

    Send it back to the owner, who puts it in the place of his own; his timestamp stays valid. An
    auditor who knows your public key names it with `sif claim audit --witness`.

    Example: `sif claim witness commitment.dsse.json --signing-key my.key`
    """
    from sif.claims import witness as sign
    from sif.cli.signing import key_place

    path = Path(signing_key)
    public = path.with_name("public.pem")  # for a URI whose public half is not named
    key = key_place(signing_key, signing_public_key).load(path, public, make=True)
    made = sign(commitment, key)
    say(
        f"{commitment}: root {made.root}, of owner's key {made.owner[:16]}…, now with "
        f"{made.signatures} signatures; yours is of key {key.public.key_id[:16]}…"
    )
