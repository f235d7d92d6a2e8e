"""`sif fingerprint`: trigger images for the owner's model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sif.cli import options
from sif.cli.progress import bar, counted
from sif.cli.say import say_text
from sif.cli.workforce import require_secret, shard_of, workforce

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sif.cli.progress import Show
    from sif.fingerprint.folder import FingerprintSet
    from sif.fingerprint.making import MakingProgress
    from sif.scale.shard import Shard
    from sif.scale.workforce import Workforce

Model = Annotated[str, typer.Argument(help="Folder or hub id of your model.")]
Images = Annotated[
    Path, typer.Option(help="Folder of base images, any size and format; folders in it too.")
]
Out = Annotated[Path, typer.Option(help="Folder of the fingerprint.")]
RecipeName = Annotated[
    str, typer.Option(help="sif, sif-wire, sif-recoded, sif-paper, sif-release, or a YAML file.")
]
Prompts = Annotated[str, typer.Option(help="Prompt set, asked in turn.")]
Number = Annotated[
    int | None,
    typer.Option("-n", "--number", min=1, help="Triggers.", show_default="all images"),
]
Steps = Annotated[int | None, typer.Option(min=1, help="Steps, instead of the recipe's.")]
Epsilon = Annotated[float | None, typer.Option(help="Budget in 1/255, instead of the recipe's.")]
KeyFile = Annotated[
    Path | None, typer.Option(help="Key file to use; else a fresh one is made in --out.")
]
Checkpointing = Annotated[
    bool | None,
    typer.Option(
        "--checkpointing/--no-checkpointing",
        help="Compute activations again instead of keeping them: less memory, more time.",
        show_default="where memory is short",
    ),
]
Seed = Annotated[int, typer.Option(help="Of everything random but the keys.")]
MaxPixels = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Most pixels of a base image, where the model takes pictures of any size.",
        show_default="what 1,024 image tokens show",
    ),
]


def fingerprint(
    model: Model,
    images: Images,
    out: Out,
    recipe: RecipeName = "sif",
    prompts: Prompts = "ordinary",
    number: Number = None,
    steps: Steps = None,
    epsilon: Epsilon = None,
    secret: KeyFile = None,
    seed: Seed = 0,
    batch: options.BatchThatFits = "auto",
    checkpointing: Checkpointing = None,
    max_pixels: MaxPixels = None,
    strict: options.Strict = False,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    ray: options.Ray = None,
    threads: options.Threads = None,
    worker_cpus: options.WorkerCpus = 1.0,
    worker_gpus: options.WorkerGpus = None,
    worker_memory: options.WorkerMemory = None,
    shard: options.Shard = None,
) -> None:
    """Makes trigger images whose ordinary answers carry your secret watermark.

    The model is not changed. Give more images than -n: from all of them is learnt what ordinary
    pictures hold, which the default recipe keeps out of. A weak trigger is made again on its own
    picture, with its own key. After an interruption the same command goes on.

    With --jobs or --ray several processes or machines make --batch triggers each, and --shard 2/5
    makes a fifth, to be joined by `sif merge`; the files are the same.

    Example: `sif fingerprint ./my-llava --images photos --out my-fingerprint -n 30`
    """
    from sif.fingerprint.recipe import load_recipe

    force = workforce(jobs, ray, threads, worker_cpus, worker_gpus, worker_memory)
    share = shard_of(shard)
    if share is not None:
        require_secret(secret)
    changes = {"steps": steps, "epsilon": epsilon}
    wanted = {
        "recipe": load_recipe(recipe, **{k: v for k, v in changes.items() if v is not None}),
        "prompts": _questions(prompts),
        "count": number,
        "seed": seed,
        "batch_size": options.batch_that_fits(batch),
        "checkpointing": checkpointing,
        "max_pixels": max_pixels,
    }
    say_text(_make(model, images, out, wanted, secret, share, force, strict=strict, device=device))


def _questions(name: str) -> "Sequence[str]":
    from sif import prompts
    from sif.errors import UsageError

    try:
        return prompts.load(name)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _make(
    model: str,
    images: Path,
    out: Path,
    wanted: dict[str, Any],
    secret: Path | None,
    share: "Shard | None",
    force: "Workforce",
    *,
    strict: bool,
    device: str,
) -> str:
    """Makes a fingerprint or a share of one; says what came of it."""
    from sif.claims.anchor import load_keys
    from sif.fingerprint.make import make_fingerprint
    from sif.fingerprint.model_manifest import hash_model
    from sif.fingerprint.plan import Wish
    from sif.fingerprint.shards import make_shard
    from sif.pictures.folder import read_images
    from sif.vlm.model import Vlm

    pictures = read_images(images, strict=strict)
    vlm = Vlm.load(model, device=device)
    gamma = wanted["recipe"].gamma
    wanted["keys"] = load_keys(secret, vlm.tokenizer, gamma=gamma) if secret else None
    with bar() as show:
        hash_model(model, report=counted(show, "hashing the model"))
        working: dict[str, Any] = {
            "out": out,
            "workforce": force,
            "report": lambda progress: _show(show, progress),
        }
        if share is None:
            made = make_fingerprint(vlm, pictures, **wanted, **working)
        else:
            own = make_shard(Wish.of(vlm, pictures, **wanted), shard=share, **working)
    if share is None:
        return summary(made, out)
    return f"{out}: share {share}, {len(own)} triggers; join all shares by sif merge"


def _show(show: "Show", progress: "MakingProgress") -> None:
    words = f"loss {progress.loss:.3f}, attempt {progress.attempt}"
    show("triggers", progress.done + progress.part, progress.count, words)


def summary(made: "FingerprintSet", out: Path) -> str:
    """What was made, how strong it is, and what of it is secret."""
    measured = [t.record.quality for t in made.triggers if t.record.quality is not None]
    weak = [quality for quality in measured if quality.weak]
    signals = sorted(quality.z for quality in measured)
    return (
        f"{out}: {len(made.triggers)} triggers, green z-score {signals[0]:.1f} to "
        f"{signals[-1]:.1f} (median {signals[len(signals) // 2]:.1f}), {len(weak)} weak\n"
        f"public: manifest.json, triggers/, tokenizer/; secret: secret.key (mode 0600)"
    )
