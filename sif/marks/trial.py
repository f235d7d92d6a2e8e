"""Trying a tower with a few pictures, before anything rests on it.

What a trial finds out: which blocks run, how wide they are, where the representation is read,
whether patches are left out at random; and that the representation is of the picture alone. So what
cannot be marked is said when a model is loaded, in one sentence.
"""

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from sif.errors import ModelError
from sif.marks.pixel_values import Inputs, level_of, make_inputs, smooth_pictures
from sif.marks.seeing import Look, look
from sif.marks.tower import Readout, Tower, block_names, kept_blocks, read_where
from sif.vlm.extent import Extent
from sif.vlm.pixels import to_tensor

PICTURES: Final = 2
TOLERANCE: Final = 1e-3
MOST_LEVELS: Final = 2
"""Of 256, that rounding may cost: an overview of a picture in tiles is rounded twice."""


@torch.no_grad()
def try_tower(
    owner: Any,
    module: nn.Module,
    image_processor: Any,
    *,
    whole: bool,
    extent: Extent,
    readout: Readout | None,
) -> Tower:
    """What a tower is like.

    Args:
        owner: the whole model.
        module: its tower, in float32.
        image_processor: of the model.
        whole: whether pictures are shown as an LVLM's user gives them.
        extent: of pictures.
        readout: where to read the representation; the model's own place where none is given.

    Raises:
        ModelError: it cannot be marked; says why.
    """
    device = next(module.parameters()).device
    pictures = smooth_pictures(extent, number=PICTURES)
    images = to_tensor(pictures)
    inputs = make_inputs(image_processor, images, whole=whole, device=device)
    user = make_inputs(image_processor, pictures, whole=whole, device=device)
    _check_parity(image_processor, inputs, user)
    names = block_names(module)
    blocks = [module.get_submodule(name) for name in names]
    seen = look(owner, module, blocks, inputs, edits={})
    again = look(owner, module, blocks, inputs, edits={})
    masked = not _alike(seen, again)
    if masked:
        _check_mask(module)
        seen = look(owner, module, blocks, inputs, edits={}, masked=False)
    _check_order(module, names, seen)
    ran = [names[index] for index in seen.fired]
    chosen = readout or read_where(owner, module, seen.output, seen.hidden, len(ran))
    kept = tuple(kept_blocks(chosen, ran, module))
    tower = Tower(
        name=next(name for name, part in owner.named_modules() if part is module),
        blocks=kept,
        widths=tuple(hidden.shape[-1] for hidden in seen.hidden[: len(kept)]),
        readout=chosen,
        masked=masked,
    )
    one = make_inputs(image_processor, images[1:], whole=whole, device=device)
    alone = look(owner, module, blocks, one, edits={}, masked=not masked)
    _check_features(module, _read(tower, module, seen), _read(tower, module, alone))
    return tower


def _read(tower: Tower, module: nn.Module, seen: Look) -> Tensor:
    tokens = tower.readout.tokens(seen.output, seen.hidden, module)
    return tower.readout.features(seen.output, tokens)


def _alike(one: Look, other: Look) -> bool:
    return all(
        a.shape == b.shape and torch.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE)
        for a, b in zip(one.hidden, other.hidden, strict=True)
    )


def _check_parity(image_processor: Any, ours: Inputs, user: Inputs) -> None:
    level = level_of(image_processor)
    for name, value in user.items():
        other = ours.get(name)
        if not isinstance(value, Tensor):
            continue
        gap = float("inf")
        if isinstance(other, Tensor) and value.shape == other.shape:
            gaps = (value.float() - other.float()).abs()
            gap = float(gaps.max()) if gaps.numel() else 0.0
        if gap > MOST_LEVELS * level:
            raise ModelError(
                f"expected {type(image_processor).__name__} to make the same {name} of a picture "
                "and of its values in [0, 1], got others; what is marked would not be what a "
                "user's picture shows"
            )


def _check_mask(module: nn.Module) -> None:
    if getattr(getattr(module, "config", None), "mask_ratio", None) is None:
        raise ModelError(
            f"expected a tower that sees a picture alike each time, got {type(module).__name__}; "
            "what it draws at random cannot be switched off"
        )


def _check_order(module: nn.Module, names: Sequence[str], seen: Look) -> None:
    if not seen.fired or len(set(seen.fired)) < len(seen.fired):
        raise ModelError(
            f"expected a vision tower whose blocks run once for all pictures, got "
            f"{type(module).__name__}, with {len(seen.fired)} runs of {len(names)} blocks"
        )


def _check_features(module: nn.Module, both: Tensor, alone: Tensor) -> None:
    name = type(module).__name__
    if both.ndim != 2 or len(both) != PICTURES or not both.isfinite().all():
        raise ModelError(
            f"expected a finite representation of each picture, got {tuple(both.shape)} from {name}"
        )
    scale = float(both.abs().max())
    if float((both[0] - both[1]).abs().max()) <= 1e-7 * scale:
        raise ModelError(
            f"expected a representation of the picture, got the same for two from {name}"
        )
    if float((both[1] - alone[0]).abs().max()) > 1e-2 * scale:
        raise ModelError(
            f"expected a picture to be represented alike alone and among others, got two "
            f"representations from {name}"
        )
