"""`sif thief`: an attacked copy of a model as a plain folder. Knows not how attacks work."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from sif.attacks.weights.attack import Progress, Report, WeightAttack, checked
from sif.cli.progress import Show, bar
from sif.cli.say import say
from sif.errors import UsageError


class Kind(StrEnum):
    """What bitsandbytes rounds weights to."""

    INT8 = "int8"
    NF4 = "nf4"


class Method(StrEnum):
    """How to merge."""

    LINEAR = "linear"
    TASK = "task"
    TIES = "ties"


class Place(StrEnum):
    """Where to compute."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Merging(NamedTuple):
    """How to merge, as far as it was said."""

    method: Method = Method.LINEAR
    weight: float | None = None
    base: str | None = None
    density: float | None = None


Model = Annotated[str, typer.Argument(help="Folder or hub id of the model to steal.")]
Out = Annotated[Path, typer.Option(help="Folder of the copy; must not exist.")]
Transplant = Annotated[
    str | None,
    typer.Option(
        metavar="OTHER",
        help="Folder or hub id of a model whose vision part to put before MODEL's language "
        "model; exchange the two for the reverse.",
    ),
]
Finetune = Annotated[
    Path | None,
    typer.Option(help="JSONL of image, prompt, answer; LLaVA, ShareGPT, COCO or parquet."),
]
Remove = Annotated[
    Path | None,
    typer.Option(
        metavar="DATA",
        help="Push the hidden states away from MODEL's while learning these answers; data as for "
        "--finetune.",
    ),
]
Strength = Annotated[float | None, typer.Option(help="--remove: of the push.", show_default="1")]
Lora = Annotated[
    bool, typer.Option("--lora", help="Tune by an adapter, then merge it; else all weights.")
]
Rank = Annotated[int, typer.Option(help="Rank of the adapter.")]
Vision = Annotated[bool, typer.Option("--vision", help="Tune the vision part as well.")]
Epochs = Annotated[float, typer.Option(help="Passes over the data.")]
Steps = Annotated[int | None, typer.Option(help="Updates, instead of --epochs.")]
LearningRate = Annotated[
    float | None, typer.Option(help="Peak rate.", show_default="2e-4 with --lora, else 2e-5")
]
BatchSize = Annotated[int, typer.Option(help="Examples computed together.")]
Accumulate = Annotated[int, typer.Option(help="Batches that make up one update.")]
CheckpointEvery = Annotated[int, typer.Option(help="Updates between checkpoints.")]
Merge = Annotated[str | None, typer.Option(help="Folder or hub id of a model to merge with.")]
MergeMethod = Annotated[
    Method,
    typer.Option(
        help="linear: a point between the two. task, ties: base plus what both changed in it."
    ),
]
MergeWeight = Annotated[
    float | None,
    typer.Option(
        help="linear: share of the other. task, ties: scale of the changes.",
        show_default="0.5; task 0.4, ties 1",
    ),
]
MergeBase = Annotated[
    str | None, typer.Option(help="task, ties: the model that both were tuned from.")
]
Density = Annotated[
    float | None, typer.Option(help="ties: share of the changes to keep.", show_default="0.2")
]
DropLayers = Annotated[
    str | None,
    typer.Option(
        metavar="N|LIST",
        help="Layers of the language model to leave out: how many, those before the last; or "
        "which, from 0, with commas (1,2; one alone as 1,).",
    ),
]
Prune = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE|2:4",
        help="Share of every layer's weights to set to zero, or 2:4: two of every four.",
    ),
]
Noise = Annotated[
    float | None, typer.Option(help="Noise, as a fraction of each layer's own spread.")
]
Bits = Annotated[
    int | None, typer.Option(help="Round to the nearest of 2^bits values a group (2 to 8).")
]
GroupSize = Annotated[
    int | None, typer.Option(help="Weights in a group, with --bits.", show_default="64")
]
Quantize = Annotated[Kind | None, typer.Option(help="Round the weights as bitsandbytes does.")]
DoubleQuant = Annotated[bool, typer.Option("--double-quant", help="nf4: round the scales as well.")]
Seed = Annotated[int, typer.Option(help="Of the training and the noise.")]
Device = Annotated[Place, typer.Option(help="Where to compute.")]


def thief(
    model: Model,
    out: Out,
    transplant: Transplant = None,
    finetune: Finetune = None,
    lora: Lora = False,
    rank: Rank = 16,
    vision: Vision = False,
    epochs: Epochs = 1.0,
    steps: Steps = None,
    learning_rate: LearningRate = None,
    batch_size: BatchSize = 8,
    accumulate: Accumulate = 1,
    checkpoint_every: CheckpointEvery = 100,
    remove: Remove = None,
    strength: Strength = None,
    merge: Merge = None,
    merge_method: MergeMethod = Method.LINEAR,
    merge_weight: MergeWeight = None,
    merge_base: MergeBase = None,
    density: Density = None,
    drop_layers: DropLayers = None,
    prune: Prune = None,
    noise: Noise = None,
    bits: Bits = None,
    group_size: GroupSize = None,
    quantize: Quantize = None,
    double_quant: DoubleQuant = False,
    seed: Seed = 0,
    device: Device = Place.AUTO,
) -> None:
    """Makes the copy that a thief would make: tuned, merged, shallower, pruned, noisy, rounded.

    Whatever the order of the options, attacks run in this one: transplant, finetune, remove, merge,
    drop layers, prune, noise, round (--bits), quantize. For another order, steal from the copy.
    The folder holds ordinary weights, which transformers and vLLM load, and a provenance.json.
    A training that was interrupted goes on when the same command is given again.
    A vision model alone (CLIP, SigLIP, Dinov2, ViT) may be merged, pruned, noisy and rounded.

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
    merging = Merging(merge_method, merge_weight, merge_base, density)
    _refuse_contradictions(finetune or remove, lora, quantize, double_quant)
    _refuse_unmergeable(merge, merging)
    if group_size is not None and bits is None:
        raise UsageError("--group-size says how to round, but there is no --bits NUMBER")
    attacks: list[WeightAttack] = []
    attacks += _transplant(transplant) if transplant is not None else []
    attacks += _finetune(finetune, **tuning) if finetune else []
    attacks += _remove(remove, strength, **tuning)
    attacks += _merge(merge, merging) if merge is not None else []
    attacks += _drop_layers(drop_layers) if drop_layers is not None else []
    attacks += _change(prune, noise, seed)
    attacks += _round(bits, group_size) if bits is not None else []
    attacks += _quantize(quantize, double_quant) if quantize else []
    if not attacks:
        raise UsageError(
            "expected an attack: --transplant, --finetune, --remove, --merge, --drop-layers, "
            "--prune, --noise, --bits or --quantize"
        )
    from sif.attacks.weights.theft import steal

    with bar() as show:
        steal(model, out, attacks, device=device.value, report=_reporter(show))
    say(f"{out}: {', then '.join(_say(attack) for attack in attacks)}")


def _refuse_contradictions(
    tuned_on: Path | None, lora: bool, quantize: Kind | None, double_quant: bool
) -> None:
    if lora and tuned_on is None:
        raise UsageError(
            "--lora says how to tune, but there is no --finetune DATA or --remove DATA"
        )
    if double_quant and quantize is not Kind.NF4:
        raise UsageError("--double-quant goes with --quantize nf4 only")


def _refuse_unmergeable(other: str | None, merging: Merging) -> None:
    if other is None and merging != Merging():
        raise UsageError(
            "--merge-method, --merge-weight, --merge-base and --density say how to merge, "
            "but there is no --merge OTHER"
        )
    if merging.method is Method.LINEAR and merging.base is not None:
        raise UsageError("--merge-base goes with --merge-method task or ties only")
    if merging.method is not Method.LINEAR and merging.base is None:
        raise UsageError(
            f"--merge-method {merging.method.value} needs --merge-base BASE, "
            "the model that both were tuned from"
        )
    if merging.method is not Method.TIES and merging.density is not None:
        raise UsageError("--density goes with --merge-method ties only")


def _finetune(data: Path, **tuning: Any) -> list[WeightAttack]:
    from sif.attacks.weights.examples import load_examples
    from sif.attacks.weights.finetune import Finetune

    return [Finetune(training=_training(**tuning), examples=load_examples(data))]


def _remove(data: Path | None, strength: float | None, **tuning: Any) -> list[WeightAttack]:
    if data is None:
        if strength is not None:
            raise UsageError("--strength says how hard to push, but there is no --remove DATA")
        return []
    from sif.attacks.weights.examples import load_examples
    from sif.attacks.weights.removal import Remove

    said = {} if strength is None else {"strength": strength}
    training = _training(**tuning)
    return [checked(Remove, training=training, examples=load_examples(data), **said)]


def _training(*, rank: int | None, **settings: Any) -> Any:
    from sif.attacks.weights.schedule import LowRank, Training

    adapter = None if rank is None else checked(LowRank, rank=rank)
    return checked(Training, lora=adapter, **settings)


def _merge(other: str, merging: Merging) -> list[WeightAttack]:
    from sif.attacks.weights.merge import Interpolate, TaskArithmetic, Ties

    said = {"weight": merging.weight, "base": merging.base, "density": merging.density}
    given = {name: value for name, value in said.items() if value is not None}
    match merging.method:
        case Method.LINEAR:
            return [checked(Interpolate, other=other, **given)]
        case Method.TASK:
            return [checked(TaskArithmetic, other=other, **given)]
        case Method.TIES:
            return [checked(Ties, other=other, **given)]


def _transplant(other: str) -> list[WeightAttack]:
    from sif.attacks.weights.transplant import Transplant

    return [Transplant(other=other)]


def _drop_layers(said: str) -> list[WeightAttack]:
    from sif.attacks.weights.drop_layers import DropLayers

    number, comma, more = said.partition(",")
    numbers = [number, *(more.split(",") if more else [])]
    if not all(re.fullmatch(r" *[0-9]{1,6} *", each) for each in numbers):
        raise UsageError(
            f"expected how many layers to drop or which, got {said!r}; write for example "
            "--drop-layers 2, --drop-layers 1,2 or --drop-layers 1,"
        )
    return [DropLayers(layers=tuple(map(int, numbers)) if comma else int(number))]


def _prune(said: str) -> WeightAttack:
    from sif.attacks.weights.layerwise import Prune, TwoOfFour

    if said == "2:4":
        return TwoOfFour()
    try:
        return checked(Prune, fraction=float(said))
    except ValueError:
        raise UsageError(
            f"expected a share to prune between 0 and 1, or 2:4, got {said!r}"
        ) from None


def _change(prune: str | None, noise: float | None, seed: int) -> list[WeightAttack]:
    from sif.attacks.weights.layerwise import Noise

    attacks: list[WeightAttack] = []
    if prune is not None:
        attacks.append(_prune(prune))
    if noise is not None:
        attacks.append(checked(Noise, sigma=noise, seed=seed))
    return attacks


def _round(bits: int, group_size: int | None) -> list[WeightAttack]:
    from sif.attacks.weights.layerwise import Round

    grid = {"bits": bits} | ({} if group_size is None else {"group_size": group_size})
    return [checked(Round, **grid)]


def _quantize(kind: Kind, double: bool) -> list[WeightAttack]:
    from sif.attacks.weights.quantize import Quantize

    return [Quantize(kind=kind.value, double=double)]


def _say(attack: WeightAttack) -> str:
    parameters = attack.model_dump(mode="json", exclude={"training"}, exclude_none=True)
    shown = ", ".join(f"{name} {value}" for name, value in parameters.items())
    return f"{attack.name} ({shown})" if shown else attack.name


def _reporter(show: Show) -> Report:
    """Moves the bar of a stage, with the loss where there is one."""

    def report(progress: Progress) -> None:
        loss = "" if progress.loss is None else f"loss {progress.loss:.3f}"
        show(progress.stage, progress.step, progress.steps, loss)

    return report
