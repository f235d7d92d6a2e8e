"""`sif thief`: an attacked copy of a model as a plain folder. Knows not how attacks work."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from sif.attacks.weights.attack import Progress, Report, WeightAttack, checked
from sif.errors import UsageError


class Kind(StrEnum):
    """What bitsandbytes rounds weights to."""

    INT8 = "int8"
    NF4 = "nf4"


class Place(StrEnum):
    """Where to compute."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


def thief(
    model: Annotated[str, typer.Argument(help="Folder or hub id of the model to steal.")],
    out: Annotated[Path, typer.Option(help="Folder of the copy; must not exist.")],
    finetune: Annotated[
        Path | None, typer.Option(help="JSONL of image (path beside the file), prompt, answer.")
    ] = None,
    lora: Annotated[
        bool, typer.Option("--lora", help="Tune by an adapter, then merge it; else all weights.")
    ] = False,
    rank: Annotated[int, typer.Option(help="Rank of the adapter.")] = 16,
    vision: Annotated[bool, typer.Option("--vision", help="Tune the vision part as well.")] = False,
    epochs: Annotated[float, typer.Option(help="Passes over the data.")] = 1.0,
    steps: Annotated[int | None, typer.Option(help="Updates, instead of --epochs.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Peak rate [default: 2e-4 with --lora, else 2e-5].")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Examples computed together.")] = 8,
    accumulate: Annotated[int, typer.Option(help="Batches that make up one update.")] = 1,
    checkpoint_every: Annotated[int, typer.Option(help="Updates between checkpoints.")] = 100,
    prune: Annotated[
        float | None, typer.Option(help="Share of every layer's weights to set to zero.")
    ] = None,
    noise: Annotated[
        float | None, typer.Option(help="Noise, as a fraction of each layer's own spread.")
    ] = None,
    quantize: Annotated[Kind | None, typer.Option(help="Round the weights.")] = None,
    double_quant: Annotated[
        bool, typer.Option("--double-quant", help="nf4: round the scales as well.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the training and the noise.")] = 0,
    device: Annotated[Place, typer.Option(help="Where to compute.")] = Place.AUTO,
) -> None:
    """Makes the copy that a thief would make: tuned, pruned, noisy, quantised.

    Whatever the order of the options, attacks run in this one: finetune, prune, noise, quantize.
    The folder holds ordinary weights, which transformers and vLLM load, and a provenance.json.
    A training that was interrupted goes on when the same command is given again.

    Example: `sif thief ./my-llava --out stolen --prune 0.2 --quantize nf4`
    """
    tuning: dict[str, Any] = {
        "rank": rank if lora else None,
        "scope": "all" if vision else "language",
        "epochs": epochs,
        "steps": steps,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "accumulate": accumulate,
        "checkpoint_every": checkpoint_every,
        "seed": seed,
    }
    _refuse_contradictions(finetune, lora, quantize, double_quant)
    attacks: list[WeightAttack] = []
    attacks += _finetune(finetune, **tuning) if finetune else []
    attacks += _change(prune, noise, seed)
    attacks += _quantize(quantize, double_quant) if quantize else []
    if not attacks:
        raise UsageError("expected an attack: --finetune, --prune, --noise or --quantize")
    from sif.attacks.weights.theft import steal

    with _progress() as report:
        steal(model, out, attacks, device=device.value, report=report)
    typer.echo(f"{out}: {', then '.join(_say(attack) for attack in attacks)}")


def _refuse_contradictions(
    finetune: Path | None, lora: bool, quantize: Kind | None, double_quant: bool
) -> None:
    if lora and finetune is None:
        raise UsageError("--lora says how to tune, but there is no --finetune DATA")
    if double_quant and quantize is not Kind.NF4:
        raise UsageError("--double-quant goes with --quantize nf4 only")


def _finetune(data: Path, *, rank: int | None, **settings: Any) -> list[WeightAttack]:
    from sif.attacks.weights.examples import load_examples
    from sif.attacks.weights.finetune import Finetune
    from sif.attacks.weights.schedule import LowRank, Training

    adapter = None if rank is None else checked(LowRank, rank=rank)
    training = checked(Training, lora=adapter, **settings)
    return [Finetune(training=training, examples=load_examples(data))]


def _change(prune: float | None, noise: float | None, seed: int) -> list[WeightAttack]:
    from sif.attacks.weights.noise import Noise
    from sif.attacks.weights.prune import Prune

    attacks: list[WeightAttack] = []
    if prune is not None:
        attacks.append(checked(Prune, fraction=prune))
    if noise is not None:
        attacks.append(checked(Noise, sigma=noise, seed=seed))
    return attacks


def _quantize(kind: Kind, double: bool) -> list[WeightAttack]:
    from sif.attacks.weights.quantize import Quantize

    return [Quantize(kind=kind.value, double=double)]


def _say(attack: WeightAttack) -> str:
    parameters = attack.model_dump(mode="json", exclude={"training"}, exclude_none=True)
    shown = ", ".join(f"{name} {value}" for name, value in parameters.items())
    return f"{attack.name} ({shown})" if shown else attack.name


@contextmanager
def _progress() -> Iterator[Report]:
    """A bar for every stage, on standard error."""
    from rich import progress as bar
    from rich.console import Console

    columns = (
        bar.TextColumn("{task.description}"),
        bar.BarColumn(),
        bar.MofNCompleteColumn(),
        bar.TimeRemainingColumn(),
    )
    bars = bar.Progress(*columns, console=Console(stderr=True))
    tasks: dict[str, Any] = {}

    def report(progress: Progress) -> None:
        bars.start()
        if progress.stage not in tasks:
            tasks[progress.stage] = bars.add_task(progress.stage, total=progress.steps)
        loss = "" if progress.loss is None else f" (loss {progress.loss:.3f})"
        description = f"{progress.stage}{loss}"
        bars.update(tasks[progress.stage], completed=progress.step, description=description)

    try:
        yield report
    finally:
        if tasks:
            bars.stop()
