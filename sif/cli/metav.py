"""`sif metav`: fingerprints for any network, not only vision-language models."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sif.cli import options
from sif.cli.options import Json
from sif.cli.progress import bar
from sif.cli.say import say, say_either
from sif.cli.verify import FAILED_AS_ASKED, Fail
from sif.cli.workforce import workforce

if TYPE_CHECKING:
    from sif.networks.manifest import NetworkManifest
    from sif.networks.verify import NetworkVerdict

app = typer.Typer(
    no_args_is_help=True,
    help="Fingerprints for any network: classifiers, regressors, autoencoders, forecasters, …",
)


@app.command()
def train(
    config: Annotated[
        Path, typer.Argument(help="YAML file; see docs/how-to/fingerprint-any-network.md.")
    ],
    out: Annotated[Path, typer.Option(help="New folder for the fingerprint.")],
    jobs: options.Jobs = None,
    ray: options.Ray = None,
    threads: options.Threads = None,
    worker_cpus: options.WorkerCpus = 1.0,
    worker_gpus: options.WorkerGpus = None,
    worker_memory: options.WorkerMemory = None,
) -> None:
    """Trains inputs and a verifier that tell copies of a network from independent ones.

    With `method: contrast` nothing but references is trained, networks like the protected one, and
    a suspect's answers are ranked among theirs: p-values that hold whatever an innocent is.

    The inputs and the verifier in the folder are secret. Started again with the same
    configuration, networks that were made before are found again. With --jobs or --ray, networks
    are made side by side, and this command alone writes them; the training of inputs and verifier
    that follows is one and is not cut. The result is the same.

    Example: `sif metav train digits.yaml --out fp`
    """
    from sif.networks.config import read_config
    from sif.networks.train_folder import train_folder

    force = workforce(jobs, ray, threads, worker_cpus, worker_gpus, worker_memory)
    with bar() as show:
        fingerprint = train_folder(read_config(config), out, show=show, workforce=force)
    told = of_ranks if fingerprint.manifest.ranks is not None else of_threshold
    say(*told(fingerprint.manifest, out, len(fingerprint.inputs)))


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
    as_json: Json = False,
    fail_if: Fail = None,
) -> None:
    """Asks suspects the fingerprints and says which of them score like copies.

    An endpoint gets {"inputs": [[...], ...]} by POST and answers {"outputs": [[...], ...]}, or
    speaks the form of TensorFlow Serving or KServe. With --run nothing that it answered is lost
    when it fails, and the same command goes on.

    Probabilities are told from logits; ?outputs=logits (sif_outputs at a URL) denies it. Further
    options of addresses (input, output, layout, scale, ...) are in
    docs/how-to/fingerprint-any-network.md.

    Example: `sif metav verify fp onnx:theirs.onnx "http://localhost:8000/predict" --run theirs`
    """
    from sif.networks.fingerprint import NetworkFingerprint
    from sif.networks.verify import as_json as written
    from sif.networks.verify import verify_suspects

    owned = NetworkFingerprint.load(fingerprint)
    verdicts = verify_suspects(owned, suspects, run=run, protected=protected)
    say_either(written(verdicts), "\n".join(map(summary, verdicts)), as_json=as_json)
    if fail_if is not None and fail_if.value in {verdict.decision for verdict in verdicts}:
        raise typer.Exit(FAILED_AS_ASKED)


def of_threshold(manifest: "NetworkManifest", out: Path, inputs: int) -> list[str]:
    """What was trained, where a threshold decides."""
    threshold = manifest.threshold
    assert threshold is not None  # the manifest has one or the other
    told = [
        f"{out}: {inputs} fingerprints; the protected network scores "
        f"{manifest.protected_score:.3f}, the threshold is {threshold.value:.3f}",
        f"{threshold.above} of {threshold.held_out} held-out independent networks score above it: "
        f"false-positive rate from {threshold.rate_low:.2g} to {threshold.rate_high:.2g} (95%)",
    ]
    if not threshold.reachable:
        told.append(
            f"a rate of {threshold.wanted_rate:g} cannot be shown with fewer than "
            f"{round(1 / threshold.wanted_rate) - 1} of them: add some to threshold:"
        )
    return told


def of_ranks(manifest: "NetworkManifest", out: Path, inputs: int) -> list[str]:
    """What was made, where ranks among references decide."""
    ranks = manifest.ranks
    assert ranks is not None  # the manifest has one or the other
    told = [f"{out}: {inputs} fingerprints and {ranks.references} references"]
    if ranks.reachable:
        told.append(
            f"an innocent is called derived with a probability of at most {ranks.rate:.3g}, "
            "whatever it is, if the references were trained like the protected network"
        )
    else:
        told.append(
            f"no p-value is below 1/{ranks.references + 1}, so a rate of {ranks.wanted_rate:g} "
            f"cannot be shown with fewer than {round(1 / ranks.wanted_rate) - 1} references: add "
            "some to independent:"
        )
    return told


def summary(verdict: "NetworkVerdict") -> str:
    """A verdict in one line, and what was done to compare it in one each."""
    numbers = "" if verdict.score is None else f"  score {verdict.score:.3f}"
    numbers += "" if verdict.p_value is None else f"  p = {verdict.p_value:.3g}"
    decision = verdict.decision.replace("_", " ").upper()
    said = f"{decision}  {verdict.suspect}{numbers}  ({verdict.reason})"
    return "\n".join([said, *(f"  {note}" for note in verdict.notes)])
