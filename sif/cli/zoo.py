"""`sif zoo`: the bundled mini models."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sif.cli.progress import bar
from sif.cli.say import say, say_json, say_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from sif.eval.training.captions import Progress
    from sif.mini.real.catalogue import RealModel
    from sif.mini.vision.catalogue import MiniVision

app = typer.Typer(
    no_args_is_help=True,
    help="Mini models that come with SIF: real LLaVA and Qwen2.5-VL architectures of 2 to 3 "
    "million parameters and Dinov2, ViT and CLIP vision models of 1 million, for trying things "
    "out where no model hub can be reached.",
)
Name = Annotated[str, typer.Argument(help="Name of a bundled model, as `sif zoo list` gives it.")]


@app.command("list")
def list_models() -> None:
    """Names the bundled models and what each is to the source of its family."""
    from sif.mini.catalogue import MODELS
    from sif.mini.folders import bundled_file
    from sif.mini.real.catalogue import REAL_MODELS
    from sif.mini.vision.catalogue import VISION_MODELS

    for model in MODELS:
        size = _size_of(bundled_file(model.name))
        say(f"{model.name:18} {model.family:11} {model.role:9} world {model.world}  {size}")
    for vision in VISION_MODELS:
        size = _size_of(bundled_file(vision.name))
        say(f"{vision.name:18} {vision.kind:11} {vision.role:9} world {vision.world}  {size}")
    for real in REAL_MODELS:
        size = _size_of(bundled_file(real.name))
        say(f"{real.name:18} {'llava':11} {real.role:9} real words  {size}, extra `real`")


def _size_of(file: Path) -> str:
    return f"{file.stat().st_size / 1e6:.1f} MB" if file.is_file() else "not bundled"


@app.command()
def export(name: Name, folder: Annotated[Path, typer.Argument(help="New folder.")]) -> None:
    """Writes a bundled model as a plain folder that transformers and vLLM load.

    A real-words model is put around the language model of the extra `real`, whose terms are told.

    Example: `sif zoo export llava-source my-model`
    """
    from sif.mini.catalogue import find
    from sif.mini.folders import export as write
    from sif.mini.real.catalogue import find_real
    from sif.mini.vision.catalogue import find_vision
    from sif.mini.vision.folders import export_vision

    vision, real = find_vision(name), find_real(name)
    if real is not None:
        _export_real(real, folder)
    elif vision is None:
        write(find(name), folder)
    else:
        export_vision(vision, folder)
    say(f"{folder}: {name}")


def _export_real(model: "RealModel", folder: Path) -> None:
    from sif.mini.real.folders import NOTICE, export_real

    export_real(model, folder)
    say_text(NOTICE.strip())


@app.command()
def scenes(
    name: Name,
    folder: Annotated[Path, typer.Argument(help="New folder.")],
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="How many.")] = 400,
    seed: Annotated[int, typer.Option(help="Of the scenes.")] = 0,
    answers: Annotated[
        Literal["captions", "terse", "questions"],
        typer.Option(help="Kind of answers in data.jsonl."),
    ] = "captions",
) -> None:
    """Paints scenes of a model's world, with data.jsonl (image, prompt, answer) beside them.

    Use them as base images for `sif fingerprint`, or as data for `sif thief --finetune`.

    Example: `sif zoo scenes llava-source scenes -n 100`
    """
    from sif.mini.catalogue import find
    from sif.mini.data import write_examples
    from sif.mini.real.catalogue import find_real
    from sif.mini.real.data import write_real_examples
    from sif.mini.vision.catalogue import find_vision

    if find_real(name) is not None:
        write_real_examples(folder, number=number, seed=seed, kind=answers)
        say(f"{folder}: {number} scenes and data.jsonl")
        return
    world = (find_vision(name) or find(name)).world
    write_examples(world, folder, number=number, seed=seed, kind=answers)
    say(f"{folder}: {number} scenes and data.jsonl")


@app.command()
def train(name: Name) -> None:
    """Trains a bundled model again from its seeds and keeps the weights with the package.

    Takes about a quarter of an hour on one core, a vision model ten minutes, a real-words model
    an hour; it uses one, because the order of sums, and with it the weights, would depend on
    their number.

    Example: `sif zoo train llava-source`
    """
    import torch

    from sif.mini.real.catalogue import find_real
    from sif.mini.vision.catalogue import find_vision

    torch.set_num_threads(1)
    vision, real = find_vision(name), find_real(name)
    with bar() as show:

        def report(progress: "Progress") -> None:
            show(progress.stage, progress.step, progress.steps, f"loss {progress.loss:.3f}")

        if real is not None:
            file = _train_real(real, report)
        else:
            file = _train_lvlm(name, report) if vision is None else _train_vision(vision, report)
    say(f"{name}: {file}")


def _train_lvlm(name: str, report: "Callable[[Progress], None]") -> Path:
    from sif.eval.training.captions import train as run
    from sif.mini.catalogue import find
    from sif.mini.folders import keep

    model = find(name)
    trained, _processor = run(
        model.family,
        world=model.world,
        seed=model.seed,
        size=model.size,
        schedule=model.schedule,
        report=report,
    )
    return keep(model, trained)


def _train_vision(model: "MiniVision", report: "Callable[[Progress], None]") -> Path:
    from sif.eval.training.vision import train_vision
    from sif.mini.vision.folders import keep_vision

    trained = train_vision(
        model.kind, world=model.world, seed=model.seed, schedule=model.schedule, report=report
    )
    return keep_vision(model, trained)


def _train_real(model: "RealModel", report: "Callable[[Progress], None]") -> Path:
    from sif.eval.training.real import train_real
    from sif.mini.real.folders import keep_real

    trained = train_real(model, work=Path(f"{model.name}-training"), report=report)
    return keep_real(model, trained.model, trained.pairs)


@app.command()
def card(
    name: Name,
    scenes: Annotated[int, typer.Option(min=1, help="Unseen scenes for the facts.")] = 64,
    triggers: Annotated[int, typer.Option(min=1, help="Images for the z-scores.")] = 8,
) -> None:
    """Measures a bundled model: what its captions get right, and how its words can be steered.

    Of a real-words model the facts alone. Of a vision model: linear probes on frozen features, for
    digits and for colours in scenes, and the largest activations block by block.

    Example: `sif zoo card llava-source`
    """
    from sif.eval.training.card import measure_card
    from sif.eval.training.real_card import measure_real
    from sif.eval.training.vision_card import measure_vision
    from sif.mini.catalogue import find
    from sif.mini.real.catalogue import find_real
    from sif.mini.vision.catalogue import find_vision

    vision, real = find_vision(name), find_real(name)
    if vision is not None:
        say_json(measure_vision(vision).to_json())
        return
    with bar() as show:
        if real is not None:
            text = measure_real(real, scenes=scenes, report=show).to_json()
        else:
            text = measure_card(find(name), scenes=scenes, triggers=triggers, report=show).to_json()
    say_json(text)


@app.command()
def purifier(
    out: Annotated[Path, typer.Option(help="File to write, ending in .safetensors.")],
    noise: Annotated[
        Literal["informed", "gaussian"],
        typer.Option(help="With noise such as triggers may carry besides, or Gaussian alone."),
    ] = "informed",
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of ordinary pictures.", show_default="scenes of the mini worlds"),
    ] = None,
    tile: Annotated[
        list[int] | None,
        typer.Option(min=2, help="Side of the stolen model's patches.", show_default="12 and 24"),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Updates.")] = 1500,
    seed: Annotated[int, typer.Option(help="Of weights, noise and order.")] = 0,
) -> None:
    """Trains the learned purifier, a thief's tool, on ordinary pictures; no trigger is needed.

    A few minutes of one core; it uses one, because the order of sums would depend on their number.
    Try it with `sif verify --image-attack purify-learned:16@FILE`.

    Example: `sif zoo purifier --images photos --tile 14 --out mine.safetensors`
    """
    import torch

    from sif.attacks.images.denoiser import save_denoiser
    from sif.eval.training.purifier import (
        TILES,
        PurifierTraining,
        mini_world_pictures,
        train_purifier,
    )
    from sif.pictures.folder import read_images

    settings = PurifierTraining(
        noise=noise, steps=steps, tiles=tuple(tile) if tile else TILES, seed=seed
    )
    pictures = read_images(images).pictures if images else None
    torch.set_num_threads(1)
    with bar() as show:
        trained = train_purifier(
            pictures or mini_world_pictures(),
            settings,
            report=lambda step, all_, loss: show("purifier", step, all_, f"loss {loss:.4f}"),
        )
    save_denoiser(trained, out)
    say(f"{out}: a purifier that knows {noise} noise")
