"""`sif activemark`: the watermark of a vision model, written into its weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sif.cli.activemark_read import bounds, verify
from sif.cli.options import Device, Json, Strict, VisionSource
from sif.cli.progress import bar
from sif.cli.say import say_json, say_table, say_text

if TYPE_CHECKING:
    from sif.marks.verify import MarkVerdict
    from sif.watermark.activemark.profile import Profile

app = typer.Typer(
    no_args_is_help=True,
    help="Watermarks a vision model in its weights, and finds the mark in a suspect's.",
)


def profile(
    model: VisionSource,
    images: Annotated[Path, typer.Option(help="Folder of natural images; 100 are enough.")],
    top: Annotated[int, typer.Option(min=1, help="Largest activations of each image.")] = 5,
    plot: Annotated[Path | None, typer.Option(help="PNG file for the plot.")] = None,
    strict: Strict = False,
    as_json: Json = False,
    device: Device = "auto",
) -> None:
    """Shows how large each block's largest activations are, and where they explode.

    Example: `sif activemark profile ./my-llava --images photos --plot profile.png`
    """
    import json

    from sif.files import write_atomically
    from sif.marks import profiling
    from sif.marks.vision_model import VisionModel
    from sif.pictures.folder import read_images

    pictures = read_images(images, strict=strict).pictures
    vision = VisionModel.load(model, device=device)
    seen = profiling.profile(vision, pictures, top=top)
    if plot:
        write_atomically(plot, profiling.draw_profile(seen))
    if as_json:
        say_json(json.dumps(seen._asdict()))
    else:
        _print_profile(seen, top)


def embed(
    model: VisionSource,
    images: Annotated[Path, typer.Option(help="Folder of natural images; some are held out.")],
    out: Annotated[Path, typer.Option(help="Folder of the watermark; keep it secret.")],
    model_out: Annotated[Path, typer.Option(help="Folder of the marked model.")],
    recipe: Annotated[str, typer.Option(help="keyed, injected, paper, or a YAML file.")] = "keyed",
    block: Annotated[int | None, typer.Option(min=0, help="Instead of the expressive one.")] = None,
    bits: Annotated[int | None, typer.Option(help="Of each message.")] = None,
    holdout: Annotated[int | None, typer.Option(help="Images to hold out.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Of training.")] = None,
    message_weight: Annotated[float | None, typer.Option(help="λ of the message term.")] = None,
    independent: Annotated[
        list[str] | None,
        typer.Option(help="Injected mode: a model that should not carry messages; repeatable."),
    ] = None,
    secret: Annotated[
        Path | None, typer.Option(help="Key file to use; else a fresh one is made in --out.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything random but the keys.")] = 0,
    strict: Strict = False,
    device: Device = "auto",
) -> None:
    """Marks a model: changes its vision tower a little, and writes model and watermark.

    The default recipe, keyed, lets the model's own representations of the hold-out images spell
    secret messages: a suspect that does not know the secret matches them like fair coins, exactly.
    The paper's scheme sends messages through the model instead (injected, paper). An LVLM is saved
    whole. After an interruption the same command goes on.

    Example: `sif activemark embed ./my-llava --images photos --out wm --model-out marked`
    """
    from sif.marks.embed_into import embed_model
    from sif.marks.recipe import load_recipe
    from sif.pictures.folder import read_images
    from sif.watermark.keys import KeyRing

    changes = {
        "block": block,
        "bits": bits,
        "holdout": holdout,
        "steps": steps,
        "message_weight": message_weight,
    }
    chosen = load_recipe(recipe, **changes)
    with bar() as show:
        verdict = embed_model(
            out,
            model_out,
            model,
            read_images(images, strict=strict).pictures,
            recipe=chosen,
            keys=KeyRing.load(secret) if secret else None,
            seed=seed,
            others=independent or [],
            device=device,
            show=show,
        )
    say_text(_made(verdict, out, model_out))


def _print_profile(seen: "Profile", top: int) -> None:
    rows = [
        (str(block), f"{size:.2f}", f"×{jump:.2f}", "expressive" if block == seen.block else "")
        for block, (size, jump) in enumerate(zip(seen.magnitudes, seen.jumps, strict=True))
    ]
    say_table(("block", f"mean of the {top} largest |activation|", "jump", ""), rows)


def _made(verdict: "MarkVerdict", out: Path, model_out: Path) -> str:
    return (
        f"{model_out}: {verdict.detected} of {len(verdict.errors)} hold-out images detected "
        f"(at most {verdict.threshold} of {verdict.bits} bits wrong), log10 of the e-value "
        f"{verdict.log10_e_value:.0f}\n"
        f"{out}: the watermark, yours alone: key, hold-out images, manifest (mode 0600)"
    )


for _command in (profile, embed, verify, bounds):  # in the order of their use
    app.command()(_command)
