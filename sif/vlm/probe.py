"""The probe: whether a model can be fingerprinted at all, asked before any work is done.

Knows no model by name: a family is supported when it passes.
"""

import numpy as np
import torch
from PIL import Image

from sif.errors import ModelError
from sif.types import GenerationSettings
from sif.vlm.model import Vlm
from sif.vlm.pixels import to_tensor

PARITY = 1e-4
PROMPT = "Describe the image in detail."


def probe(vlm: Vlm) -> None:
    """Checks template, processor parity and gradient on a smooth test picture.

    Raises:
        ModelError: with the reason why this model cannot be used.
    """
    image = vlm.prepare(_test_picture())
    _check_template(vlm)
    _check_parity(vlm, image)
    _check_gradient(vlm, image)
    _check_teacher_forcing(vlm, image)


def _test_picture() -> Image.Image:
    rows, columns = np.mgrid[:448, :448] / 448
    channels = np.stack([rows, columns, 0.5 + 0.5 * np.sin(12 * rows * columns)], -1)
    return Image.fromarray((255 * channels).astype(np.uint8))


def _check_template(vlm: Vlm) -> None:
    text = vlm.chat_text(PROMPT)
    if text.count(PROMPT) != 1:
        raise ModelError(
            f"{vlm.source}: expected the chat template to carry the prompt once, got {text!r}"
        )


def _check_parity(vlm: Vlm, image: Image.Image) -> None:
    tensor = vlm.encode(to_tensor([image]).to(vlm.device), [PROMPT])
    picture = vlm.encode([image], [PROMPT])
    for name, value in picture.items():
        same = tensor.get(name)
        if same is None or same.shape != value.shape:
            raise ModelError(
                f"{vlm.source}: expected the processor to treat tensors like pictures, got "
                f"another {name} for a tensor at its native size {image.size}"
            )
        gap = float((same.float() - value.float()).abs().max())
        if gap > PARITY:
            raise ModelError(
                f"{vlm.source}: expected equal {name} from a tensor and from a picture, got a "
                f"difference of {gap:.2g}; its processor resamples at {image.size}"
            )


def _check_gradient(vlm: Vlm, image: Image.Image) -> None:
    pixels = to_tensor([image]).to(vlm.device).requires_grad_()
    logits, _ids = vlm.answer_logits(pixels, [PROMPT], [[0, 1]])
    slope: torch.Tensor | None = None
    if logits.requires_grad:
        best = logits.log_softmax(-1).amax(-1).sum()
        (slope,) = torch.autograd.grad(best, pixels, allow_unused=True)
    if slope is None or not bool(torch.isfinite(slope).all()):
        raise ModelError(
            f"{vlm.source}: expected a finite gradient to the pixels, got none; its processor or "
            "forward pass cuts it (a slow, numpy-based image processor does)"
        )
    reached = float((slope != 0).float().mean())
    if reached < 0.5:
        raise ModelError(
            f"{vlm.source}: expected a gradient at most pixels, got one at {reached:.0%} of them"
        )


def _check_teacher_forcing(vlm: Vlm, image: Image.Image) -> None:
    pixels = to_tensor([image]).to(vlm.device)
    (answer,) = vlm.generate(pixels, [PROMPT], GenerationSettings(max_new_tokens=8))
    if not answer:
        return
    logits, ids = vlm.answer_logits(pixels, [PROMPT], [answer])
    chosen = logits.gather(-1, ids[..., None])[..., 0]
    gap = float((logits.amax(-1) - chosen).max())
    spread = float(logits.std())
    if gap > 0.25 * spread:
        raise ModelError(
            f"{vlm.source}: expected a forward pass over an answer to agree with generation, got "
            f"logits {gap:.2g} apart; its inputs are put together in another way"
        )
