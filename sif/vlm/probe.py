"""The probe: whether a model can be fingerprinted at all, asked before any work is done.

Knows no model by name: a family is supported when it passes. What it tries is a batch of two, since
that is what will be used.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sif.errors import ModelError
from sif.types import GenerationSettings
from sif.vlm.checkpointing import checkpointed
from sif.vlm.decoding import decode
from sif.vlm.folder import first_line
from sif.vlm.foreign import READING
from sif.vlm.model import Vlm
from sif.vlm.out_of_memory import is_out_of_memory, make_room
from sif.vlm.pixels import to_tensor
from sif.vlm.thinking_marks import MARKS, begins_thinking

PROMPTS: Final = (
    "Describe the image in detail.",
    "What is in the image? Answer in two sentences.",
)
GREY: Final = 0.375
STEP: Final = 0.25
SLACK: Final = 1e-4
LEVELS: Final = 2
"""Steps of 8 bits that rounding may cost: an overview of a picture in tiles is rounded twice."""
WHOLE: Final = 0.9
REACH: Final = 0.5
AT_ONCE: Final = "expected a model that answers without thinking before"
MEND: Final = (
    "what is thought is not counted as an answer, and triggers would steer that alone: give it a "
    "chat template that begins and ends thinking (<think></think>) before the answer"
)


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What was seen of a model that can be fingerprinted.

    Attributes:
        height: of the base image that a square picture of 448 pixels becomes.
        width: the same.
        image_tokens: places of the picture in the prompt; None where the model names no id.
        reach: part of the pixels that the gradient of the answer reaches.
        parity: largest gap between a picture and the tensor of its pixels, in steps of 8 bits.
        kept_bytes: memory that a forward pass keeps for the backward one, for each picture.
    """

    height: int
    width: int
    image_tokens: int | None
    reach: float
    parity: float
    kept_bytes: int


def probe(vlm: Vlm) -> Probed:
    """Checks template, processor parity, gradient and teacher forcing on two smooth pictures.

    Raises:
        ModelError: with the reason why this model cannot be used.
    """
    if getattr(vlm.model.config, "is_encoder_decoder", False):
        raise ModelError(
            f"{vlm.source}: expected a model that writes its answer behind the question, got an "
            "encoder with a decoder of its own; no recipe is made for those"
        )
    try:
        return _probed(vlm)
    except READING as error:
        if not is_out_of_memory(error):
            raise _refusal(vlm, error) from error
    make_room()
    logger.warning("out of memory with two pictures; trying with checkpointing")
    try:
        with checkpointed(vlm):
            return _probed(vlm)
    except READING as error:
        raise _refusal(vlm, error) from error


def _refusal(vlm: Vlm, error: Exception) -> ModelError:
    return ModelError(
        f"{vlm.source}: expected a processor and a model that take two pictures with a "
        f"question each, got {type(error).__name__}: {first_line(error)}; if its processor or "
        "chat template is another model's, take that of its own release"
    )


def _probed(vlm: Vlm) -> Probed:
    _check_template(vlm)
    images = [vlm.prepare(picture) for picture in _test_pictures()]
    _check_no_thinking(vlm, images)
    parity = _check_parity(vlm, images)
    reach, kept = _check_gradient(vlm, images)
    _check_teacher_forcing(vlm, images)
    return Probed(
        height=images[0].height,
        width=images[0].width,
        image_tokens=_image_tokens(vlm, images),
        reach=reach,
        parity=parity,
        kept_bytes=kept // len(images),
    )


def _test_pictures() -> list[Image.Image]:
    rows, columns = np.mgrid[:448, :448] / 448
    waves = [0.5 + 0.5 * np.sin(speed * rows * columns) for speed in (12, 20)]
    channels = [np.stack([rows, columns, wave], -1) for wave in waves]
    return [Image.fromarray((255 * channel).astype(np.uint8)) for channel in channels]


def _check_template(vlm: Vlm) -> None:
    text = vlm.chat_text(PROMPTS[0])
    if text.count(PROMPTS[0]) != 1:
        raise ModelError(
            f"{vlm.source}: expected the chat template to carry the prompt once, got {text!r}"
        )
    if begins_thinking(text):
        raise ModelError(f"{vlm.source}: {AT_ONCE}, got one whose chat template begins to; {MEND}")


def _check_parity(vlm: Vlm, images: list[Image.Image]) -> float:
    """The largest gap in 8-bit steps; as much as one of them is a processor's own rounding."""
    tensor = vlm.encode(to_tensor(images).to(vlm.device), PROMPTS)
    picture = vlm.encode(images, PROMPTS)
    step, largest = _scale(vlm, images[0]) / 255, 0.0
    for name, value in picture.items():
        pairs = list(zip(_tensors(tensor.get(name)), _tensors(value), strict=False))
        if _shapes(tensor.get(name)) != _shapes(value):
            raise ModelError(
                f"{vlm.source}: expected the processor to treat tensors like pictures, got "
                f"another {name} for a tensor at its native size {images[0].size}"
            )
        for one, other in pairs:
            gap = float((one.double() - other.double()).abs().max())
            rounding = LEVELS * step + _precision(other) if other.is_floating_point() else 0.0
            if gap > SLACK + rounding:
                raise ModelError(
                    f"{vlm.source}: expected equal {name} from a tensor and from a picture, got a "
                    f"difference of {gap:.2g}, more than the {rounding:.2g} of 8-bit rounding; its "
                    f"processor resamples at {images[0].size}, or fills up tensors otherwise"
                )
            largest = max(largest, gap)
    return largest / step


def _scale(vlm: Vlm, image: Image.Image) -> float:
    """What a change of all pixels by 1 is behind the processor, in the channel of the largest.

    Raises:
        ModelError: a change of one pixel arrives nowhere whole: the picture is resampled.
    """
    grey = torch.full((1, 3, image.height, image.width), GREY, device=vlm.device)
    before = vlm.encode(grey, PROMPTS[:1])
    scale = _change(before, vlm.encode(grey + STEP, PROMPTS[:1])) / STEP
    if not scale:
        raise ModelError(
            f"{vlm.source}: expected a processor that tells a light picture from a dark one, got "
            "equal inputs; pictures do not reach this model"
        )
    for row, column in ((2, 2), (1, 2), (2, 1)):
        dotted = grey.clone()
        dotted[..., row * image.height // 4, column * image.width // 4] += STEP
        arrived = _change(before, vlm.encode(dotted, PROMPTS[:1])) / STEP / scale
        if arrived < WHOLE:
            raise ModelError(
                f"{vlm.source}: expected a processor that hands on single pixels, got "
                f"{arrived:.0%} of a pixel's change; its processor resamples at {image.size}"
            )
    return scale


def _change(before: dict[str, Any], after: dict[str, Any]) -> float:
    """The largest difference between two encodings among what is no whole number."""
    gaps = [
        float((one.double() - other.double()).abs().max())
        for name, value in before.items()
        for one, other in zip(_tensors(value), _tensors(after[name]), strict=True)
        if one.is_floating_point() and one.shape == other.shape and one.numel()
    ]
    return max(gaps, default=0.0)


def _precision(value: Tensor) -> float:
    """The rounding of the largest entry in the precision that it is kept in."""
    return float(value.abs().max()) * torch.finfo(value.dtype).eps


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _tensors(part)


def _shapes(value: Any) -> list[torch.Size]:
    return [tensor.shape for tensor in _tensors(value)]


def _check_gradient(vlm: Vlm, images: list[Image.Image]) -> tuple[float, int]:
    """The part of the pixels that it reaches, and the bytes kept for it besides the weights."""
    pixels = to_tensor(images).to(vlm.device).requires_grad_()
    kept: dict[int, int] = {}

    def pack(saved: Tensor) -> Tensor:
        storage = saved.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return saved

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda saved: saved):
        logits, _ids = vlm.answer_logits(pixels, PROMPTS, [[0, 1], [1]])
    for parameter in vlm.model.parameters():
        kept.pop(parameter.untyped_storage().data_ptr(), None)
    slope: Tensor | None = None
    if logits.requires_grad:
        best = logits.log_softmax(-1).amax(-1).sum()
        (slope,) = torch.autograd.grad(best, pixels, allow_unused=True)
    if slope is None or not bool(torch.isfinite(slope).all()):
        raise ModelError(
            f"{vlm.source}: expected a finite gradient to the pixels, got none; its processor or "
            "forward pass cuts it (numpy-based image processors do, and models that read pictures "
            "as tokens)"
        )
    reached = min((one != 0).float().mean().item() for one in slope)
    if reached < REACH:
        raise ModelError(
            f"{vlm.source}: expected a gradient at most pixels, got one at {reached:.0%} of them"
        )
    return reached, sum(kept.values())


def _check_teacher_forcing(vlm: Vlm, images: list[Image.Image]) -> None:
    pixels = to_tensor(images).to(vlm.device)
    answers = vlm.generate(pixels, PROMPTS, GenerationSettings(max_new_tokens=8))
    if not all(answers):
        return
    logits, ids = vlm.answer_logits(pixels, PROMPTS, answers)
    chosen = logits.gather(-1, ids.clamp(min=0)[..., None])[..., 0]
    # Answers come without special ids: behind the first of them the two are not the same text.
    special = torch.tensor(vlm.tokenizer.all_special_ids, device=ids.device)
    same = (ids >= 0) & ~torch.isin(logits.argmax(-1), special).cummax(-1).values
    gap = float(((logits.amax(-1) - chosen) * same).max())
    spread = float(logits.std())
    if gap > 0.25 * spread:
        raise ModelError(
            f"{vlm.source}: expected a forward pass over an answer to agree with generation, got "
            f"logits {gap:.2g} apart; its inputs are put together in another way"
        )


def _check_no_thinking(vlm: Vlm, images: list[Image.Image]) -> None:
    """What a model thinks may lie within special tokens, which its answers are given without."""
    known = vlm.tokenizer.get_vocab()
    if not any(begin in known for begin, _end in MARKS):
        return
    inputs = vlm.encode(images, PROMPTS)
    with torch.no_grad():
        new = decode(vlm.model, inputs, GenerationSettings(max_new_tokens=4)).ids
    said = [str(vlm.tokenizer.decode(row, skip_special_tokens=False)).strip() for row in new]
    begins = [begin for begin, _end in MARKS if any(text.startswith(begin) for text in said)]
    if begins:
        raise ModelError(f"{vlm.source}: {AT_ONCE}, got one that begins with {begins[0]}; {MEND}")


def _image_tokens(vlm: Vlm, images: list[Image.Image]) -> int | None:
    token = getattr(vlm.model.config, "image_token_id", None)
    if not isinstance(token, int):
        return None
    return int((vlm.encode(images[:1], PROMPTS[:1])["input_ids"] == token).sum())
