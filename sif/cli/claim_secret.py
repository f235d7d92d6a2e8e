"""`sif claim secret`: a key that nobody, its owner included, could choose."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

Tsa = Annotated[
    str | None, typer.Option(metavar="URL", help="Timestamp authority, asked over HTTP.")
]
Request = Annotated[Path | None, typer.Option(help="Write the request (.tsq) here instead.")]
Response = Annotated[Path | None, typer.Option(help="Take an authority's response (.tsr).")]
Certificates = Annotated[
    list[Path] | None,
    typer.Option(metavar="PEM", help="Root certificates of authorities that you trust."),
]


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
    from sif.claims import Token, load_roots
    from sif.claims.anchor import finish
    from sif.claims.folder import BEFOREHAND, read

    roots = load_roots(tsa_certificate or [])
    answer = obtain(lambda: _begin(out, model, recipe), tsa=tsa, request=request, response=response)
    if answer is None:
        typer.echo(f"{request}: bring it to a timestamp authority, then give --response")
        return
    token = Token.parse(answer)
    if roots:
        mend = "name the folder that the request was made in"
        token.check_signature(read(out / BEFOREHAND, mend=mend), roots)
    finish(out, token, answer)
    checked = "its signature is checked" if roots else "its signature is NOT checked"
    typer.echo(
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


def _begin(out: Path, model: str | None, recipe: str) -> bytes:
    """The request for a secret: that of a folder that was begun, or of a new one."""
    from sif.claims.anchor import begin
    from sif.claims.folder import ANCHOR_REQUEST, UNANCHORED
    from sif.errors import UsageError
    from sif.fingerprint.recipe import load_recipe
    from sif.vlm.folder import load_processor

    if (out / UNANCHORED).exists() and (out / ANCHOR_REQUEST).exists():
        return (out / ANCHOR_REQUEST).read_bytes()
    if model is None:
        raise UsageError("expected your model, whose tokenizer is fixed with the secret")
    processor = load_processor(model)
    tokenizer = getattr(processor, "tokenizer", processor)
    return begin(out, tokenizer, gamma=load_recipe(recipe).gamma)
