"""The tasks: data, how networks of each begin, and how they are trained.

Real data bundled with scikit-learn; a generated series; pictures of the mini worlds. Every seed
splits the data anew into what the owner has, what the thief has, and what nobody trains on.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sif.errors import UsageError
from sif.mini.architecture import SIDE
from sif.mini.catalogue import find
from sif.mini.data import samples
from sif.mini.folders import build as build_mini
from sif.networks.architecture import Cnn, Mlp, Recurrent, build
from sif.networks.domain import Domain
from sif.networks.reading import OutputKind
from sif.networks.thefts.dataset import Dataset
from sif.networks.thefts.fit import Fit
from sif.vlm.pixels import to_tensor

OWNER, THIEF = 0.45, 0.35
SCENES: Final = 700
SCENE_SEED: Final = 81
SHAPE: Final = (3, SIDE, SIDE)
# Training sets hold the first sibling and the first stranger; the others are suspects alone.
TOWERS: Final = (
    "llava-source",
    "llava-sibling",
    "llava-stranger-a",
    "llava-sibling-b",
    "llava-sibling-c",
    "llava-stranger-b",
    "llava-stranger-c",
)
Begin = Callable[[int, int], nn.Module]


class TowerClassifier(nn.Module):
    """A tower with a linear head on the mean of its tokens.

    Args:
        body: a vision tower of transformers.
        mean: of each channel, which is subtracted from pictures in [0, 1].
        spread: of each channel, which they are divided by.
        classes: of the head.
    """

    def __init__(self, body: Any, mean: Tensor, spread: Tensor, classes: int) -> None:
        super().__init__()
        self.body = body
        self.register_buffer("mean", mean[:, None, None])
        self.register_buffer("spread", spread[:, None, None])
        self.head = nn.Linear(body.config.hidden_size, classes)

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch classes"]:
        """The logits."""
        pixels = (images - self.get_buffer("mean")) / self.get_buffer("spread")
        states: Tensor = self.body(pixel_values=pixels).last_hidden_state
        logits: Tensor = self.head(states.mean(1))
        return logits


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task, split by one seed.

    Attributes:
        name: in tables.
        kind: what its networks give.
        owner: what the protected network learnt.
        thief: what thieves have, and some innocents learnt.
        unseen: to measure how good networks are.
        begin: an untrained network from the number of its kind and a seed; kind 0 is the
            protected network's.
        trained_kinds: kinds of the independent networks in the training sets.
        suspect_kinds: kinds of the independent suspects.
        student: architecture of students unlike the protected network.
        training: of networks.
        tuning: of stolen copies.
        fingerprints: number of inputs.
        iterations: of the training of fingerprints.
    """

    name: str
    kind: OutputKind
    owner: Dataset
    thief: Dataset
    unseen: Dataset
    begin: Begin
    trained_kinds: tuple[int, ...] = (0, 1, 2)
    suspect_kinds: tuple[int, ...] = (0, 1, 2)
    student: Mlp | Cnn | Recurrent
    training: Fit
    tuning: Fit
    fingerprints: int = 100
    iterations: int = 1000


def digits(seed: int) -> Task:
    """Handwritten digits of 8 by 8 pixels: logits of ten classes."""
    inputs, targets, domain = _digits()
    kinds = (
        Mlp(inputs=(1, 8, 8), widths=(64, 32), outputs=(10,)),
        Cnn(inputs=(1, 8, 8), channels=(8, 16), outputs=(10,)),
        Mlp(inputs=(1, 8, 8), widths=(128,), outputs=(10,), activation="tanh"),
    )
    data = Dataset(inputs=inputs, targets=targets, domain=domain)
    return _task("digits", "logits", data, kinds, Fit(epochs=30), seed)


def autoencoder(seed: int) -> Task:
    """The same digits, to be reconstructed through twelve numbers or so."""
    inputs, _, domain = _digits()
    shape = (1, 8, 8)
    kinds = (
        Mlp(inputs=shape, widths=(48, 12, 48), outputs=shape, squash=True),
        Mlp(inputs=shape, widths=(64, 16, 64), outputs=shape, activation="gelu"),
        Mlp(inputs=shape, widths=(12,), outputs=shape, activation="tanh", squash=True),
    )
    data = Dataset(inputs=inputs, targets=inputs, domain=domain)
    task = _task("autoencoder", "values", data, kinds, Fit(epochs=50), seed)
    return replace(task, fingerprints=50, iterations=500)


def diabetes(seed: int) -> Task:
    """Progression of diabetes from ten measurements, all standardised."""
    bunch = _bundled("load_diabetes")
    inputs = _standardised(torch.tensor(bunch.data, dtype=torch.float32))
    targets = _standardised(torch.tensor(bunch.target, dtype=torch.float32)[:, None])
    domain = Domain(
        shape=(10,),
        lower=tuple(inputs.amin(0).tolist()),
        upper=tuple(inputs.amax(0).tolist()),
    )
    kinds = (
        Mlp(inputs=(10,), widths=(32, 16), outputs=(1,)),
        Mlp(inputs=(10,), widths=(64,), outputs=(1,), activation="tanh"),
        Mlp(inputs=(10,), widths=(24, 24, 24), outputs=(1,), activation="gelu"),
    )
    data = Dataset(inputs=inputs, targets=targets, domain=domain)
    return _task("diabetes", "values", data, kinds, Fit(epochs=40, batch_size=32), seed)


def forecaster(seed: int) -> Task:
    """Four values after sixteen of a sum of two sines with noise: recurrent networks."""
    generator = torch.Generator().manual_seed(5)
    past, future, number = 16, 4, 1000

    def draw(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(number, 2, 1, generator=generator)

    time = torch.arange(past + future)
    waves = draw(0.0, 1.0) * torch.sin(draw(0.15, 0.65) * time + draw(0.0, 2 * torch.pi))
    series = waves.sum(1) / 2 + 0.05 * torch.randn(number, past + future, generator=generator)
    domain = Domain(shape=(past, 1), lower=-1.3, upper=1.3)
    kinds = (
        Recurrent(inputs=(past, 1), hidden=24, outputs=(future,)),
        Recurrent(inputs=(past, 1), hidden=32, outputs=(future,), cell="lstm"),
        Mlp(inputs=(past, 1), widths=(48, 24), outputs=(future,)),
    )
    inputs = domain.clamp(series[:, :past, None])
    data = Dataset(inputs=inputs, targets=series[:, past:].contiguous(), domain=domain)
    task = _task("forecaster", "values", data, kinds, Fit(epochs=25, batch_size=32), seed)
    return replace(task, fingerprints=50, iterations=500)


def tower(seed: int) -> Task:
    """Objects in a scene, counted by a bundled mini LVLM's vision tower with a head.

    Kind 7 is a small convolutional network from scratch.
    """
    data = _scenes()
    owner, thief, unseen = split(data, seed)
    classes = int(data.targets.max()) + 1
    scratch = Cnn(inputs=SHAPE, channels=(8, 16, 16, 16), outputs=(classes,))

    def begin(number: int, start: int) -> nn.Module:
        if number == len(TOWERS):
            return build(scratch, seed=start).eval()
        body, mean, spread = _tower(TOWERS[number])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(start)
            return TowerClassifier(copy.deepcopy(body), mean, spread, classes).eval()

    return Task(
        name="tower",
        kind="logits",
        owner=owner,
        thief=thief,
        unseen=unseen,
        begin=begin,
        trained_kinds=(1, 2),
        suspect_kinds=(3, 4, 5, 6, 7),
        student=scratch,
        training=Fit(epochs=6, learning_rate=5e-4, batch_size=32),
        tuning=Fit(epochs=2, learning_rate=2e-4, batch_size=32),
        fingerprints=32,
        iterations=200,
    )


TASKS: Final[dict[str, Callable[[int], Task]]] = {
    "digits": digits,
    "diabetes": diabetes,
    "autoencoder": autoencoder,
    "forecaster": forecaster,
    "tower": tower,
}


def find_task(name: str) -> Callable[[int], Task]:
    """The task of this name.

    Raises:
        UsageError: there is none.
    """
    if name not in TASKS:
        raise UsageError(f"expected tasks among {', '.join(TASKS)}, got {name!r}")
    return TASKS[name]


def split(data: Dataset, seed: int) -> tuple[Dataset, Dataset, Dataset]:
    """What the owner has, what the thief has, and the rest."""
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    first, second = round(OWNER * len(data)), round((OWNER + THIEF) * len(data))
    owner, thief, unseen = order[:first], order[first:second], order[second:]
    return data.part(owner), data.part(thief), data.part(unseen)


def _task(
    name: str,
    kind: OutputKind,
    data: Dataset,
    kinds: tuple[Mlp | Cnn | Recurrent, ...],
    training: Fit,
    seed: int,
) -> Task:
    owner, thief, unseen = split(data, seed)
    return Task(
        name=name,
        kind=kind,
        owner=owner,
        thief=thief,
        unseen=unseen,
        begin=lambda number, start: build(kinds[number], seed=start).eval(),
        student=kinds[1],
        training=training,
        tuning=training.model_copy(update={"epochs": training.epochs / 3, "learning_rate": 1e-3}),
    )


def _digits() -> tuple[Tensor, Tensor, Domain]:
    bunch = _bundled("load_digits")
    domain = Domain(shape=(1, 8, 8), levels=256)
    inputs = domain.store(torch.tensor(bunch.images / 16, dtype=torch.float32)[:, None])
    return inputs, torch.tensor(bunch.target, dtype=torch.int64), domain


def _bundled(loader: str) -> Any:
    """A data set that comes with scikit-learn."""
    try:
        from sklearn import datasets
    except ImportError as error:
        raise UsageError(
            "this study takes its data from scikit-learn: pip install 'sif-lvlm[bench]'"
        ) from error
    return getattr(datasets, loader)()


def _standardised(numbers: Tensor) -> Tensor:
    return (numbers - numbers.mean(0)) / numbers.std(0)


@cache
def _tower(name: str) -> tuple[nn.Module, Tensor, Tensor]:
    model, processor = build_mini(find(name))
    told = processor.image_processor
    body: nn.Module = model.model.vision_tower.float().eval().requires_grad_(False)
    return body, torch.tensor(told.image_mean), torch.tensor(told.image_std)


@cache
def _scenes() -> Dataset:
    """Scenes of the source's world, told apart by their number of objects."""
    drawn = samples(find(TOWERS[0]).world, number=SCENES, seed=SCENE_SEED)
    counts = torch.tensor([sample.scene.count for sample in drawn])
    domain = Domain(shape=SHAPE, levels=256)
    images = domain.store(to_tensor([sample.image for sample in drawn]))
    return Dataset(inputs=images, targets=counts - int(counts.min()), domain=domain)
