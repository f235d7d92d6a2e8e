"""`sif fingerprint`: trigger images for the owner's model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sif.cli.progress import bar

if TYPE_CHECKING:
    from sif.fingerprint.make import MakingProgress, NamedImage

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


def fingerprint(
    model: Annotated[str, typer.Argument(help="Folder or hub id of your model.")],
    images: Annotated[Path, typer.Option(help="Folder of base images, any size and format.")],
    out: Annotated[Path, typer.Option(help="Folder of the fingerprint.")],
    recipe: Annotated[
        str, typer.Option(help="sif, sif-recoded, sif-paper, sif-release, or a YAML file.")
    ] = "sif",
    prompts: Annotated[str, typer.Option(help="Prompt set, asked in turn.")] = "ordinary",
    number: Annotated[
        int | None, typer.Option("-n", "--number", min=1, help="Triggers [default: all images].")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Steps, instead of the recipe's.")
    ] = None,
    epsilon: Annotated[
        float | None, typer.Option(help="Budget in 1/255, instead of the recipe's.")
    ] = None,
    secret: Annotated[
        Path | None, typer.Option(help="Key file to use; else a fresh one is made in --out.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything random but the keys.")] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Triggers optimised together.")] = 8,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, …")] = "auto",
) -> None:
    """Makes trigger images whose ordinary answers carry your secret watermark.

    The model is not changed. Give more images than -n: from all of them is learnt what ordinary
    pictures hold, which the default recipe keeps out of. A weak trigger is made again on its own
    picture, with its own key. After an interruption the same command goes on.

    Example: `sif fingerprint ./my-llava --images photos --out my-fingerprint -n 30`
    """
    from sif import prompts as prompt_sets
    from sif.errors import UsageError
    from sif.fingerprint.make import make_fingerprint
    from sif.fingerprint.recipe import load_recipe
    from sif.vlm.model import Vlm
    from sif.watermark.keys import KeyRing

    changes = {"steps": steps, "epsilon": epsilon}
    chosen = load_recipe(recipe, **{k: v for k, v in changes.items() if v is not None})
    try:
        questions = prompt_sets.load(prompts)
    except ValueError as error:
        raise UsageError(str(error)) from error
    pictures = read_images(images)
    vlm = Vlm.load(model, device=device)
    keys = KeyRing.load(secret) if secret else None
    if secret and keys and keys.anchor:
        from sif.claims.anchor import check_model

        check_model(secret, vlm.tokenizer, gamma=chosen.gamma)
    with bar() as show:

        def report(progress: "MakingProgress") -> None:
            words = f"loss {progress.loss:.3f}, attempt {progress.attempt}"
            show("triggers", progress.done + progress.part, progress.count, words)

        made = make_fingerprint(
            vlm,
            pictures,
            recipe=chosen,
            out=out,
            prompts=questions,
            count=number,
            keys=keys,
            seed=seed,
            batch_size=batch,
            report=report,
        )
    measured = [t.record.quality for t in made.triggers if t.record.quality is not None]
    weak = [quality for quality in measured if quality.weak]
    signals = sorted(quality.z for quality in measured)
    typer.echo(
        f"{out}: {len(made.triggers)} triggers, green z-score {signals[0]:.1f} to "
        f"{signals[-1]:.1f} (median {signals[len(signals) // 2]:.1f}), {len(weak)} weak\n"
        f"public: manifest.json, triggers/, tokenizer/; secret: secret.key (mode 0600)"
    )


def read_images(folder: Path) -> "list[NamedImage]":
    """The pictures of a folder, by name.

    Raises:
        UsageError: no folder, no pictures, or a damaged one.
    """
    from sif.errors import UsageError
    from sif.fingerprint.make import NamedImage
    from sif.vlm.native import read_image

    if not folder.is_dir():
        raise UsageError(f"expected a folder of images, got {folder}")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise UsageError(f"expected images ({', '.join(SUFFIXES)}) in {folder}, got none")
    return [NamedImage(name=path.name, image=read_image(path)) for path in paths]
