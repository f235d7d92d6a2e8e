"""`sif merge`: shares of a fingerprint or of a study, joined."""

from pathlib import Path
from typing import Annotated

import typer

from sif.cli.say import say, say_text

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

    Shares of a study (`sif bench STUDY --shard`) become the folder of one, in which the same
    command without --shard goes on with all that they found; nothing is overwritten.

    Example: `sif merge my-fingerprint share-1 share-2 share-3 --secret my.key`

    Example: `sif merge bench share-1 share-2`, then `sif bench triggers --out bench`
    """
    from sif.study_shares import is_study_share

    if is_study_share(shards[0]):
        _merge_study(out, shards, secret)
        return
    from sif.cli.fingerprint import summary
    from sif.fingerprint.shards import merge_shards
    from sif.watermark.keys import KeyRing

    keys = KeyRing.load(secret) if secret else None
    say_text(summary(merge_shards(shards, out=out, keys=keys), out))


def _merge_study(out: Path, shards: list[Path], secret: Path | None) -> None:
    from sif.errors import UsageError
    from sif.study_shares import join_shares

    if secret is not None:
        raise UsageError("--secret: expected none, for shares of a study have none; leave it out")
    joined = join_shares(shards, out=out)
    say(
        f"{out}: {joined.files} files of {joined.shares} shares, {joined.before} of which were "
        f"there; sif bench {joined.study} --out {out} with the same settings goes on"
    )
