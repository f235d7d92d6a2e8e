"""`sif merge`: shares of a fingerprint or of a study, joined."""

from pathlib import Path
from typing import Annotated

import typer

from sif.cli.say import say_text

Out = Annotated[Path, typer.Argument(help="Folder of the whole.")]
Shards = Annotated[list[Path], typer.Argument(help="Folders of all shares, in any order.")]
KeyFile = Annotated[
    Path | None,
    typer.Option(help="The key file that the shares were made with; kept in OUT, as in any other."),
]


def merge(out: Out, shards: Shards, secret: KeyFile = None) -> None:
    """Joins what `--shard 1/N` to `--shard N/N` made into what one command would have made.

    Makes sure that nothing is missing, damaged, or of another request. Without --secret, a
    fingerprint is its public half, and commands that count need --secret each time.

    Example: `sif merge my-fingerprint share-1 share-2 share-3 --secret my.key`
    """
    from sif.cli.fingerprint import summary
    from sif.fingerprint.shards import merge_shards
    from sif.watermark.keys import KeyRing

    keys = KeyRing.load(secret) if secret else None
    say_text(summary(merge_shards(shards, out=out, keys=keys), out))
