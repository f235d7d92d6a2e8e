"""`sif claim secret`: a key that nobody, its owner included, could choose."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from sif.cli.options import Certificates, Request, Response, Tsa
from sif.cli.say import say


def secret(
    out: Annotated[Path, typer.Option(help="Folder of the secret.")],
    model: Annotated[
        str | None, typer.Argument(help="Folder or hub id of your model, to begin with.")
    ] = None,
    recipe: Annotated[str, typer.Option(help="As of `sif fingerprint`; says γ.")] = "sif",
    tsa: Tsa = None,
    request: Request = None,
    response: Response = None,
    tsa_certificate: Certificates = None,
) -> None:
    """Draws a secret and has it timestamped first: the keys follow from the timestamp.

    Fixed with the secret are your model's tokenizer and γ, for they decide what a key makes green.
    Then give --secret OUT/secret.key to `sif fingerprint`, and --anchor OUT to `sif claim commit`.
    Offline: once with MODEL and --request, later with --response.

    Example: `sif claim secret ./my-llava --out my-secret --tsa http://timestamp.example.org`
    """
    from sif.claims import load_roots
    from sif.claims.anchor import begin_for, take_response

    roots = load_roots(tsa_certificate or [])
    answer = obtain(
        lambda: begin_for(out, model, recipe=recipe), tsa=tsa, request=request, response=response
    )
    if answer is None:
        say(f"{request}: bring it to a timestamp authority, then give --response")
        return
    token = take_response(out, answer, roots)
    checked = "its signature is checked" if roots else "its signature is NOT checked"
    say(
        f"{out}/secret.key (mode 0600): keys that hang on a token of "
        f"{token.time:%Y-%m-%d %H:%M:%S} UTC; {checked}"
    )


def obtain(
    prepare: Callable[[], bytes], *, tsa: str | None, request: Path | None, response: Path | None
) -> bytes | None:
    """An authority's response: from its URL or a file; none where only the request was written.

    Args:
        prepare: gives the request.
        tsa: URL.
        request: where to write the request.
        response: where the response lies.

    Raises:
        UsageError: not exactly one of the three.
        ClaimError: no response came, or the file cannot be read.
        StorageError: the request cannot be written.
    """
    from sif.claims import ask
    from sif.claims.folder import read
    from sif.errors import UsageError
    from sif.files import write_atomically

    match tsa, request, response:
        case str(), None, None:
            return ask(tsa, prepare())
        case None, Path(), None:
            write_atomically(request, prepare())
            return None
        case None, None, Path():
            return read(response, mend="name the file that the authority gave")
    raise UsageError("expected one of --tsa URL, --request FILE and --response FILE")
