"""`sif metav`: fingerprints for any network, not only vision-language models."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sif.cli.progress import bar
from sif.cli.verify import FAILED_AS_ASKED, FailIf

if TYPE_CHECKING:
    from sif.networks.threshold import RankRule
    from sif.networks.verdict import NetworkVerdict

app = typer.Typer(
    no_args_is_help=True,
    help="Fingerprints for any network: classifiers, regressors, autoencoders, forecasters, …",
)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="YAML file; docs/metav.md explains it.")],
    out: Annotated[Path, typer.Option(help="New folder for the fingerprint.")],
) -> None:
    """Trains inputs and a verifier that tell copies of a network from independent ones.

    With `method: contrast` nothing but references is trained, networks like the protected one, and
    a suspect's answers are ranked among theirs: p-values that hold whatever an innocent is.

    The inputs and the verifier in the folder are secret. Started again with the same
    configuration, networks that were made before are found again.

    Example: `sif metav train digits.yaml --out fp`
    """
    from sif.networks.config import read_config
    from sif.networks.train import train_folder

    with bar() as show:
        fingerprint = train_folder(read_config(config), out, show=show)
    manifest = fingerprint.manifest
    if manifest.ranks is not None:
        typer.echo("\n".join(_of_ranks(manifest.ranks, out, len(fingerprint.inputs))))
        return
    threshold = manifest.threshold
    assert threshold is not None  # the manifest has one or the other
    typer.echo(
        f"{out}: {len(fingerprint.inputs)} fingerprints; the protected network scores "
        f"{manifest.protected_score:.3f}, the threshold is {threshold.value:.3f}"
    )
    typer.echo(
        f"{threshold.above} of {threshold.held_out} held-out independent networks score above it: "
        f"false-positive rate from {threshold.rate_low:.2g} to {threshold.rate_high:.2g} (95%)"
    )
    if not threshold.reachable:
        typer.echo(
            f"a rate of {threshold.wanted_rate:g} cannot be shown with fewer than "
            f"{round(1 / threshold.wanted_rate) - 1} of them: add some to threshold:"
        )


@app.command()
def verify(
    fingerprint: Annotated[Path, typer.Argument(help="Folder of `sif metav train`.")],
    suspects: Annotated[
        list[str],
        typer.Argument(
            help="torch:FILE.safetensors (named architecture), onnx:FILE, hf:FOLDER (image "
            "classifier) or a URL that answers JSON. Nothing that is pickled is read."
        ),
    ],
    run: Annotated[
        Path | None, typer.Option(help="Folder for the answers and verdicts; resumes from there.")
    ] = None,
    protected: Annotated[
        str | None, typer.Option(help="The owner's network: the fingerprint must be its own.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdicts as JSON.")] = False,
    fail_if: Annotated[
        FailIf | None, typer.Option(help="Exit with code 3 if any verdict is this, for scripts.")
    ] = None,
) -> None:
    """Asks suspects the fingerprints and says which of them score like copies.

    An endpoint gets {"inputs": [[...], ...]} by POST and answers {"outputs": [[...], ...]}; options
    in its URL: sif_key_env=VARIABLE, sif_timeout=SECONDS, sif_attempts=N. With --run nothing that
    it answered is lost when it fails, and the same command goes on.

    Example: `sif metav verify fp onnx:theirs.onnx "http://localhost:8000/predict" --run theirs`
    """
    from sif.files import write_atomically
    from sif.networks.connect import connect_network
    from sif.networks.folder import NetworkFingerprint
    from sif.networks.output_journal import OutputJournal
    from sif.networks.verdict import require_protected, verify_network

    owned = NetworkFingerprint.load(fingerprint)
    if protected is not None:
        require_protected(owned, connect_network(protected).network, name=protected)
    journal = OutputJournal(run / "outputs.sqlite") if run else None
    try:
        verdicts = [
            verify_network(
                owned,
                connected.network,
                name=connected.name,
                journal=journal if connected.remote else None,
            )
            for connected in map(connect_network, suspects)
        ]
    finally:
        if journal is not None:
            journal.close()
    written = json.dumps([verdict.model_dump() for verdict in verdicts], indent=2)
    if run is not None:
        write_atomically(run / "verdicts.json", written)
    typer.echo(written if as_json else "\n".join(map(summary, verdicts)))
    if fail_if is not None and fail_if.value in {verdict.decision for verdict in verdicts}:
        raise typer.Exit(FAILED_AS_ASKED)


def _of_ranks(ranks: "RankRule", out: Path, inputs: int) -> list[str]:
    number = ranks.references + 1
    told = [f"{out}: {inputs} fingerprints and {ranks.references} references"]
    if ranks.reachable:
        told.append(
            f"an innocent is called derived with a probability of at most {ranks.rate:.3g}, "
            "whatever it is, if the references were trained like the protected network"
        )
    else:
        told.append(
            f"no p-value is below 1/{number}, so a rate of {ranks.wanted_rate:g} cannot be shown "
            f"with fewer than {round(1 / ranks.wanted_rate) - 1} references: add some to "
            "independent:"
        )
    return told


def summary(verdict: "NetworkVerdict") -> str:
    """A verdict in one line."""
    numbers = "" if verdict.score is None else f"  score {verdict.score:.3f}"
    numbers += "" if verdict.p_value is None else f"  p = {verdict.p_value:.3g}"
    decision = verdict.decision.replace("_", " ").upper()
    return f"{decision}  {verdict.suspect}{numbers}  ({verdict.reason})"
