"""Examples of the mini world to tune on, and models that a test may change."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sif.attacks.weights.examples import Example
from sif.mini.render import Painter
from sif.mini.world import World, sample_scene
from sif.vlm.folder import load_model, load_processor

SEED = 3
Loaded = tuple[Any, Any]


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    """Eight scenes with their terse descriptions, in memory."""
    rng = np.random.default_rng(0)
    world, painter = World(SEED), Painter(seed=SEED, side=72, period=12)
    scenes = [sample_scene(rng) for _ in range(8)]
    return [
        Example(
            image=painter.image(scene),
            prompt="Describe the image." if index % 2 else "What is in the picture, please?",
            answer=world.terse(scene, rng),
        )
        for index, scene in enumerate(scenes)
    ]


@pytest.fixture
def data(tmp_path: Path, examples: list[Example]) -> Path:
    """The same examples as a JSONL file with PNGs beside it."""
    file = tmp_path / "data" / "tune.jsonl"
    (file.parent / "pictures").mkdir(parents=True)
    lines = []
    for index, example in enumerate(examples):
        name = f"pictures/{index}.png"
        example.picture().save(file.parent / name)
        lines.append({"image": name, "prompt": example.prompt, "answer": example.answer})
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


@pytest.fixture(params=["llava", "qwen"])
def folder(request: pytest.FixtureRequest) -> Path:
    """An untrained model folder of each family."""
    path: Path = request.getfixturevalue(f"untrained_{request.param}")
    return path


@pytest.fixture
def load() -> Callable[[Path], Loaded]:
    """Loads a fresh model, in float32, with its processor."""
    return lambda path: (load_model(path, dtype=torch.float32), load_processor(path))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Mini models are quickest on one thread, whatever else the machine does."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
