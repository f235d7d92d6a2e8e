"""Who works, as it is typed. Knows no command."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sif.scale.shard import Shard
    from sif.scale.workforce import Workforce


def workforce(
    jobs: int | None,
    ray: str | None,
    threads: int | None = None,
    cpus: float = 1.0,
    gpus: float | None = None,
    memory: float | None = None,
) -> "Workforce":
    """The workforce of a command, and Ray itself looked for where it is asked for.

    Raises:
        UsageError: no address, what is Ray's without Ray, or Ray is not installed.
    """
    from sif.errors import UsageError
    from sif.scale.workforce import Workforce

    found = Workforce(jobs=jobs, ray=ray, threads=threads, cpus=cpus, gpus=gpus, memory=memory)
    if ray is not None:
        from sif.scale.connection import library

        library(found)
    elif (cpus, gpus, memory) != (1.0, None, None):
        raise UsageError(
            "--worker-cpus, --worker-gpus and --worker-memory are what a worker of a cluster "
            "takes, got them without --ray; give --ray too, or leave them out"
        )
    return found


def shard_of(text: str | None) -> "Shard | None":
    """A share as it is typed; None for the whole.

    Raises:
        UsageError: no share.
    """
    from sif.scale.shard import Shard

    return None if text is None else Shard.parse(text)


def require_secret(secret: Path | None) -> None:
    """Makes sure that a share is given the secret of all.

    Raises:
        UsageError: none.
    """
    from sif.errors import UsageError

    if secret is None:
        raise UsageError(
            "--shard: expected --secret KEYFILE, the same for all shares, got none; make one with "
            'sif claim secret, or with python -c "import sif; '
            "sif.KeyRing.generate().save('my.key')\""
        )
