"""Options and arguments that several commands share, each declared once; in alphabetical order."""

from pathlib import Path
from typing import Annotated

import typer

Certificates = Annotated[
    list[Path] | None,
    typer.Option(metavar="PEM", help="Root certificates of authorities that you trust."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, …")]
Fingerprint = Annotated[Path, typer.Argument(help="Folder written by `sif fingerprint`.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
Mark = Annotated[Path, typer.Argument(help="Folder of your watermark.")]
Request = Annotated[Path | None, typer.Option(help="Write the request (.tsq) here instead.")]
Response = Annotated[Path | None, typer.Option(help="Take an authority's response (.tsr).")]
Secret = Annotated[
    Path | None, typer.Option(help="The key file, where it is not in the fingerprint.")
]
SigningKey = Annotated[
    Path | None,
    typer.Option(help="Your Ed25519 key (PEM) [default: FP/claim/signing.key, made where missing]"),
]
Tsa = Annotated[
    str | None, typer.Option(metavar="URL", help="Timestamp authority, asked over HTTP.")
]
VerdictsJson = Annotated[bool, typer.Option("--json", help="Print the verdicts as JSON.")]
VisionSource = Annotated[str, typer.Argument(help="Folder or hub id: a vision model or an LVLM.")]
