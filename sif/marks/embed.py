"""Marking a model: hold-out images, messages, training, and the watermark that comes of it.

1. Some of the owner's pictures are held out; crops of the others are for training. 2. Every
hold-out image has a secret message from the key ring. 3. The tower is trained (`sif.marks.
train`), in memory. 4. Injected mode only: hold-out images that are not decoded without an error
are dropped, as the paper does; in the keyed mode none ever is, since its proof rests on that.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Bool
from PIL import Image
from torch import Tensor

from sif.checkpoint import Checkpoint
from sif.errors import UsageError
from sif.marks.bits import FairBits
from sif.marks.pictures import compose, crops, divide, pixels_digest
from sif.marks.profiling import profile
from sif.marks.recipe import MarkRecipe
from sif.marks.seeded import generator_at
from sif.marks.tasks import InjectedTask, KeyedTask, Task
from sif.marks.train import Report, train
from sif.marks.training_images import TrainingImages, show_clean
from sif.marks.verify import injected_bits, read_errors
from sif.marks.vision_model import VisionModel
from sif.marks.watermark import (
    HOLDOUT,
    HoldoutImage,
    MarkManifest,
    Shapes,
    Watermark,
    as_json,
    now,
    shapes_of,
)
from sif.vlm.pixels import to_tensor
from sif.watermark.activemark.coders import Decoder, Encoder
from sif.watermark.activemark.losses import bit_errors
from sif.watermark.activemark.messages import secret_messages
from sif.watermark.activemark.profile import Profile
from sif.watermark.activemark.projection import choose_directions
from sif.watermark.keys import KeyRing


class Marked(NamedTuple):
    """A marked model and the watermark in it.

    Attributes:
        model: a copy of the source with a marked tower; all but the tower is shared with it.
        watermark: to be kept secret.
        losses: the message loss of every step.
    """

    model: VisionModel
    watermark: Watermark
    losses: list[float]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Work:
    """What a training is made from."""

    clean: VisionModel
    marked: VisionModel
    recipe: MarkRecipe
    seed: int
    training: TrainingImages
    pictures: list[Image.Image]
    messages: Bool[Tensor, "batch bits"]
    profile: Profile
    block: int
    token: int
    shapes: Shapes


def embed(
    vision: VisionModel,
    pictures: Sequence[Image.Image],
    *,
    recipe: MarkRecipe,
    keys: KeyRing,
    seed: int = 0,
    others: Sequence[VisionModel] = (),
    checkpoint: Path | None = None,
    report: Report = lambda progress: None,
) -> Marked:
    """Marks a copy of a model.

    Deterministic for a seed and a key ring, on one thread of a CPU.

    Args:
        vision: the clean source; it stays as it is.
        pictures: of any size; some are held out, the others are cut up for training.
        recipe: how.
        keys: the owner's; all messages follow from them.
        seed: of everything random but the messages.
        others: independent models of the same width that the injected mode trains not to carry
            messages, besides the clean source.
        checkpoint: a file to keep the unfinished training in, and to go on from.
        report: called after every step.

    Raises:
        UsageError: too few pictures, a block that is not there, more bits than dimensions, no
            message without errors in the injected mode, or the checkpoint of another training.
        StorageError: the checkpoint cannot be written, or is damaged.
    """
    work = _prepare(vision, pictures, recipe=recipe, keys=keys, seed=seed)
    task = _task(work, others)
    place = Checkpoint(checkpoint, _digest(work, keys)) if checkpoint else None
    losses = train(task, steps=recipe.steps, checkpoint=place, report=report)
    kept, tensors = _results(work, task)
    return Marked(work.marked, _watermark(work, task, keys, kept, tensors), losses)


def _prepare(
    vision: VisionModel,
    pictures: Sequence[Image.Image],
    *,
    recipe: MarkRecipe,
    keys: KeyRing,
    seed: int,
) -> _Work:
    division = divide(vision, pictures, holdout=recipe.holdout, seed=seed)
    cut = crops(vision, division.training, number=recipe.pool, seed=seed)
    seen = profile(vision, cut[:100], top=recipe.top)
    block = seen.block if recipe.block is None else recipe.block
    if block >= len(vision.blocks) - 1:
        raise UsageError(
            f"expected a block from 0 to {len(vision.blocks) - 2}, with one behind it, got {block}"
        )
    held = division.holdout
    if recipe.composed:
        held = compose(vision, held, seed=seed)
    digests = [pixels_digest(picture) for picture in held]
    return _Work(
        clean=vision,
        marked=vision.copy(),
        recipe=recipe,
        seed=seed,
        training=show_clean(vision, cut, looks=recipe.looks, seed=seed),
        pictures=held,
        messages=secret_messages(keys, digests, bits=recipe.bits),
        profile=seen,
        block=block,
        token=vision.readout.skip if recipe.token is None else recipe.token,
        shapes=shapes_of(vision, block),
    )


def _task(work: _Work, others: Sequence[VisionModel]) -> Task:
    bits = work.recipe.bits
    if work.recipe.mode == "keyed":
        return KeyedTask(
            work.marked,
            work.training,
            holdout=to_tensor(work.pictures),
            messages=work.messages,
            directions=choose_directions(
                work.training.features, bits=bits, kind=work.recipe.directions
            ),
            recipe=work.recipe,
            seed=work.seed,
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator_at(work.seed, 7).initial_seed())
        encoder = Encoder(work.shapes.width, bits, scale=work.profile.magnitudes[work.block])
        decoder = Decoder(work.shapes.features, bits)
    return InjectedTask(
        work.marked,
        work.training,
        encoder=encoder,
        decoder=decoder,
        block=work.block,
        token=work.token,
        others=[work.clean, *others],
        recipe=work.recipe,
        seed=work.seed,
    )


def _results(work: _Work, task: Task) -> tuple[list[int], dict[str, Tensor]]:
    """Which hold-out images are kept, and the tensors of the watermark."""
    everything = list(range(len(work.pictures)))
    if isinstance(task, KeyedTask):
        return everything, {"directions": task.directions.cpu().contiguous()}
    assert isinstance(task, InjectedTask)
    bits = injected_bits(
        work.marked,
        work.pictures,
        work.messages,
        encoder=task.encoder,
        decoder=task.decoder,
        block=work.block,
        token=work.token,
    )
    kept = bit_errors(bits, work.messages).eq(0).nonzero()[:, 0].tolist()
    if not kept:
        raise UsageError(
            "expected the marked model to decode at least one hold-out image without errors, got "
            "none; train longer (--steps) or choose another block"
        )
    coders = {"encoder/": task.encoder, "decoder/": task.decoder}
    return kept, {
        prefix + name: tensor.detach().cpu().contiguous()
        for prefix, module in coders.items()
        for name, tensor in module.state_dict().items()
    }


def _watermark(
    work: _Work, task: Task, keys: KeyRing, kept: list[int], tensors: dict[str, Tensor]
) -> Watermark:
    pictures = [work.pictures[place] for place in kept]
    recipe = work.recipe
    threshold = FairBits(bits=recipe.bits).threshold(recipe.false_positive_rate)
    if threshold is None:
        raise UsageError(
            f"expected enough bits for a false-positive rate of {recipe.false_positive_rate:g}, "
            f"got {recipe.bits}"
        )
    images = [
        HoldoutImage(file=f"{HOLDOUT}/{number:04d}.png", sha256=pixels_digest(picture))
        for number, picture in enumerate(pictures, start=1)
    ]
    manifest = MarkManifest(
        created=now(),
        model=Path(work.clean.source).name,
        architecture=type(work.clean.module).__name__,
        clean_sha256=work.clean.digest(),
        marked_sha256=work.marked.digest(),
        shapes=work.shapes,
        readout=work.clean.readout,
        block=work.block,
        token=work.token,
        scale=task.encoder.scale if isinstance(task, InjectedTask) else None,
        threshold=threshold,
        seed=work.seed,
        recipe=recipe,
        images=tuple(images),
    )
    made = Watermark(manifest=manifest, pictures=pictures, keys=keys, tensors=tensors)
    seen = {"clean_errors": tuple(read_errors(made, work.clean))}
    return replace(made, manifest=manifest.model_copy(update=seen))


def _digest(work: _Work, keys: KeyRing) -> str:
    """Of everything that determines the training; shows nothing of the keys."""
    digest = hashlib.sha256(f"{work.seed} {as_json(work.recipe)} {work.block}".encode())
    digest.update(work.clean.digest().encode() + keys.commitment("activemark").encode())
    for picture in work.pictures:
        digest.update(pixels_digest(picture).encode())
    digest.update(work.training.images.numpy().tobytes())
    return digest.hexdigest()
