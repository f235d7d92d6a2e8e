"""The command `sif`: puts the commands together, turns errors into one line and an exit code.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a verdict that `--fail-if` names, 130 interrupted,
143 told to end.
Each command lives in a file of its own and imports what is heavy when it runs, so that
`sif --help` answers at once. Knows nothing of what the commands do.
"""

import importlib.metadata
import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Final, NoReturn

import typer

from sif.cli import (
    activemark,
    audit_all,
    bench,
    calibrate,
    claim,
    demo,
    detect,
    doctor,
    fingerprint,
    import_published,
    lineage,
    merge,
    metav,
    report,
    sda,
    serve,
    thief,
    verify,
    zoo,
)
from sif.cli.addresses import check_addresses
from sif.cli.failures import DISTRIBUTION, INTERRUPTED, EndingInWords, ending_on_sigterm
from sif.cli.say import guarded, say
from sif.scratch import remove_abandoned

# Every command and every group of commands, in the order of the help.
COMMANDS: Final[Mapping[str, Callable[..., None]]] = {
    "demo": demo.demo,
    "fingerprint": fingerprint.fingerprint,
    "merge": merge.merge,
    "calibrate": calibrate.calibrate,
    "verify": verify.verify,
    "audit-all": audit_all.audit_all,
    "sda": sda.sda,
    "thief": thief.thief,
    "detect": detect.detect,
    "lineage": lineage.lineage,
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


def main() -> NoReturn:
    """Runs the command line and exits."""
    with guarded(), EndingInWords(), ending_on_sigterm():
        remove_abandoned()
        check_addresses(sys.argv[1:])
        code = build_app()(prog_name="sif", standalone_mode=False)
        if code == INTERRUPTED:  # which is how typer hands on Ctrl-C
            raise KeyboardInterrupt
        raise SystemExit(code or 0)
    raise AssertionError  # every way out of the block is an exit


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
        say(f"sif {importlib.metadata.version(DISTRIBUTION)}")
    except importlib.metadata.PackageNotFoundError:
        say("sif (not installed)")
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
    _set_verbosity(verbose)


def _set_verbosity(verbose: int) -> None:
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
    logging.getLogger("sif").setLevel(level)
    if not verbose:  # what libraries remark on their own account is for those who ask
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


if __name__ == "__main__":
    main()
