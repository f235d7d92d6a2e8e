"""Data from the mini worlds: base images, and examples for fine-tuning. Knows no models."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
from PIL import Image

from sif import prompts
from sif.errors import UsageError
from sif.files import whole_folder
from sif.mini.architecture import SIDE
from sif.mini.render import Painter
from sif.mini.world import Scene, World, sample_scene
from sif.vlm.pixels import png_bytes

Kind = Literal["captions", "terse", "questions"]
TERSE_PROMPT: Final = "List the things shortly."


class Sample(NamedTuple):
    """A picture with a question and a truthful answer, and the scene that it shows."""

    image: Image.Image
    prompt: str
    answer: str
    scene: Scene


def samples(world: int, *, number: int, seed: int, kind: Kind = "captions") -> list[Sample]:
    """Draws examples from a world.

    Args:
        world: its seed.
        number: how many.
        seed: of the scenes and the wording; none of the seeds is used by the trainings.
        kind: long captions to ordinary prompts, bare lists, or one-word answers to questions.
    """
    rng = np.random.default_rng([seed, world, 6])
    said, painter = World(world), Painter(world, SIDE, SIDE // 6)
    drawn = []
    for index in range(number):
        scene = sample_scene(rng)
        match kind:
            case "captions":
                ordinary = prompts.load()
                pair = ordinary[index % len(ordinary)], said.caption(scene, rng)
            case "terse":
                pair = TERSE_PROMPT, said.terse(scene, rng)
            case "questions":
                pair = said.question(scene, rng)
        drawn.append(Sample(painter.image(scene), *pair, scene))
    return drawn


def write_examples(world: int, folder: Path, *, number: int, seed: int, kind: Kind) -> None:
    """Writes examples as PNG files and data.jsonl; the folder appears whole or not at all.

    Raises:
        UsageError: the folder exists.
        StorageError: the disk refuses.
    """
    write_drawn(folder, lambda: samples(world, number=number, seed=seed, kind=kind))


def write_drawn(
    folder: Path, draw: Callable[[], Iterable[tuple[Image.Image, str, str, object]]]
) -> None:
    """The same, of pictures, prompts, answers and scenes; drawn once the folder may be made.

    Raises:
        UsageError: the folder exists.
        StorageError: the disk refuses.
    """
    if folder.exists():
        raise UsageError(f"{folder} exists already; name another folder or remove it first")
    lines = []
    with whole_folder(folder) as place:
        for index, (image, prompt, answer, _) in enumerate(draw()):
            name = f"{index:04d}.png"
            (place / name).write_bytes(png_bytes(image))
            lines.append(json.dumps({"image": name, "prompt": prompt, "answer": answer}))
        (place / "data.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
