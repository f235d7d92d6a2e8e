"""The command `sif`: puts the commands together, turns errors into one line and an exit code.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a verdict that `--fail-if` names, 130 interrupted.
Each command lives in a file of its own and imports what is heavy when it runs, so that
`sif --help` answers at once. Knows nothing of what the commands do.
"""

import errno
import importlib.metadata
import logging
import os
from collections.abc import Callable, Mapping
from typing import Annotated, Final, NoReturn

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.text import Text

from sif.cli import (
    activemark,
    bench,
    calibrate,
    claim,
    demo,
    detect,
    doctor,
    fingerprint,
    import_published,
    metav,
    report,
    sda,
    serve,
    thief,
    verify,
    zoo,
)
from sif.errors import SifError, UsageError

DISTRIBUTION: Final = "sif-lvlm"
INTERRUPTED: Final = 130

# Every command and every group of commands, in the order of the help.
COMMANDS: Final[Mapping[str, Callable[..., None]]] = {
    "demo": demo.demo,
    "fingerprint": fingerprint.fingerprint,
    "calibrate": calibrate.calibrate,
    "verify": verify.verify,
    "sda": sda.sda,
    "thief": thief.thief,
    "detect": detect.detect,
    "serve": serve.serve,
    "report": report.report,
    "import-published": import_published.import_published,
    "doctor": doctor.doctor,
}
GROUPS: Final[Mapping[str, typer.Typer]] = {
    "activemark": activemark.app,
    "claim": claim.app,
    "metav": metav.app,
    "bench": bench.app,
    "zoo": zoo.app,
}

MENDS: Final = {
    errno.ENOSPC: "free some space and run the same command again; finished work is kept",
    errno.EDQUOT: "free some of the quota and run the same command again; finished work is kept",
    errno.EACCES: "check the owner and the mode of the file, or choose another folder",
    errno.EROFS: "choose a folder that can be written to",
}

logger = logging.getLogger(__name__)


def main() -> NoReturn:
    """Runs the command line and exits."""
    try:
        build_app()(prog_name="sif")
    except UsageError as error:
        _exit(2, str(error), error)
    except SifError as error:
        _exit(1, str(error), error)
    except OSError as error:
        _exit(1, _describe(error), error)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            _say("interrupted: what was finished is kept; run the same command again to go on")
        raise
    raise SystemExit(0)


def build_app() -> typer.Typer:
    """The whole command line as one typer app."""
    app = typer.Typer(
        add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, callback=_sif
    )
    for name, command in COMMANDS.items():
        app.command(name)(command)
    for name, group in GROUPS.items():
        app.add_typer(group, name=name)
    return app


def _print_version(asked: bool) -> bool:
    if not asked:
        return False
    try:
        typer.echo(f"sif {importlib.metadata.version(DISTRIBUTION)}")
    except importlib.metadata.PackageNotFoundError:
        typer.echo("sif (not installed)")
    raise typer.Exit


def _sif(
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, help="Say more; -vv for everything.")
    ] = 0,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and leave."
        ),
    ] = False,
) -> None:
    """Shows whether a model derives from the one that trigger images were made on.

    Begin with `sif doctor` (what this machine can do) and `sif demo` (everything, on mini models).

    Then `sif fingerprint` your model, and `sif verify` a suspect.
    """
    _set_up_logging(verbose)


def _set_up_logging(verbose: int) -> None:
    handler = RichHandler(console=Console(stderr=True), show_path=False, log_time_format="%X")
    logging.basicConfig(format="%(message)s", handlers=[handler], force=True)
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
    logging.getLogger("sif").setLevel(level)
    if not verbose:  # what libraries remark on their own account is for those who ask
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


def _describe(error: OSError) -> str:
    """What failed, on which file, and how to mend it where that is known."""
    what = error.strerror or str(error) or type(error).__name__
    where = f": {error.filename}" if error.filename else ""
    mend = f" ({MENDS[error.errno]})" if error.errno in MENDS else ""
    return f"{what}{where}{mend}"


def _exit(code: int, message: str, error: BaseException) -> NoReturn:
    logger.debug("the error came from here", exc_info=error)
    _say(f"error: {message}")
    raise SystemExit(code) from None


def _say(message: str) -> None:
    """One red line on standard error, whatever the message holds."""
    line = Text(" ".join(message.split()), style="red")
    Console(stderr=True).print(line, soft_wrap=True)


if __name__ == "__main__":
    main()
