"""Native extents: at which height and width a processor takes every pixel as it is.

Found by asking, not by name: the processor is given a picture, and what it resizes it to is asked
in turn, until all its pixels come out again. Knows nothing of files or of models.
"""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from sif.errors import ModelError, UsageError
from sif.vlm.encoding import rescaled
from sif.vlm.folder import first_line
from sif.vlm.foreign import READING
from sif.vlm.pixels import to_images


class Extent(NamedTuple):
    """Height and width in pixels."""

    height: int
    width: int

    @property
    def area(self) -> int:
        """In pixels."""
        return self.height * self.width


ASKED: Final = 16
"""How many extents a processor is asked at most for one picture."""
EXACT: Final = 1e-3
ORDINARY: Final = Extent(448, 448)
RESIZING: Final = ("upsample", "grid_sampler")


def native_extent(image_processor: Any, extent: Extent) -> Extent:
    """The extent at which the processor neither resizes nor crops, nearest to `extent`.

    A processor that cuts the picture into tiles and shows a small view of the whole beside them
    takes every pixel as it is in the tiles; the view is resampled at any extent.

    Args:
        image_processor: of a transformers processor.
        extent: of the picture as it came.

    Raises:
        ModelError: no such extent is found.
        UsageError: the processor does not take a picture of these proportions.
    """
    settings = getattr(image_processor, "to_json_string", lambda: "")()
    return _native_extent(image_processor, settings, extent)


@functools.lru_cache(maxsize=256)
def _native_extent(image_processor: Any, settings: str, extent: Extent) -> Extent:
    waiting, tried = [extent, *_grids(image_processor, extent)], set[Extent]()
    while waiting and len(tried) < ASKED:
        asked = waiting.pop(0)
        if asked in tried or not min(asked):
            continue
        tried.add(asked)
        try:
            answer = _ask(image_processor, asked)
        except READING as error:
            if asked == extent:
                raise _refusal(image_processor, extent, error) from error
            continue
        if answer.whole:
            return asked
        waiting = [*answer.resized, *waiting, *answer.frames]
    raise ModelError(
        f"expected an image processor with an extent at which it takes every pixel as it is, got "
        f"{type(image_processor).__name__}, which resizes, crops or re-orders pixels at each of "
        f"the {len(tried)} extents that it was asked from {extent.width}x{extent.height} on; this "
        "model cannot carry a trigger"
    )


def _refusal(image_processor: Any, extent: Extent, error: Exception) -> ModelError | UsageError:
    """Whose fault it is that the processor failed: the picture's, if it takes an ordinary one."""
    try:
        _ask(image_processor, ORDINARY)
    except READING as other:
        return ModelError(
            f"expected an image processor that takes a picture as a tensor, got "
            f"{type(image_processor).__name__}, which fails at one of {ORDINARY.width}x"
            f"{ORDINARY.height} with {type(other).__name__}: {first_line(other)}; if its "
            "preprocessor_config.json is of another model, take that of its own release"
        )
    return UsageError(
        f"expected a picture that the model's image processor takes, got one of "
        f"{extent.width}x{extent.height}: {first_line(error)}; leave it out or crop it"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What a processor does to a picture of one extent.

    Attributes:
        whole: whether all pixels come out as they are.
        resized: what the picture is resized to, the largest first.
        frames: the extents of the pictures that come out.
    """

    whole: bool
    resized: tuple[Extent, ...]
    frames: tuple[Extent, ...]


def _ask(image_processor: Any, extent: Extent) -> _Answer:
    noise = _noise(extent)
    with _Resizings() as watched:
        out = _pixels(image_processor, noise)
    frames = {Extent(*value.shape[-2:]) for value in out if value.ndim > 3 and value.shape[-3] == 3}
    return _Answer(
        whole=_is_whole(image_processor, noise, out),
        resized=tuple(sorted(set(watched.made), key=lambda made: -made.area)),
        frames=tuple(sorted(frames, key=lambda frame: -frame.area)),
    )


def _is_whole(
    image_processor: Any, noise: Float[Tensor, "3 height width"], out: list[Tensor]
) -> bool:
    """Whether every black and every white pixel came out as black or white, in clean frames.

    What black and white are there is asked too, so that no normalisation and no order of the
    pixels has to be known. Where pixels were mixed, a frame has shades; that is a small view.
    """
    if max(value.numel() for value in out) < noise.numel():
        return False
    ends = [_pixels(image_processor, torch.full_like(noise, level)) for level in (0.0, 1.0)]
    for value, black, white in zip(out, *ends, strict=True):
        if not value.shape == black.shape == white.shape:
            return False
        span, shade = white - black, value - black
        shown = span.abs() > EXACT
        light = (shade / torch.where(shown, span, 1.0)).where(shown, torch.nan)
        frames = _frames(light)
        ends_only = (frames.abs() < EXACT) | ((frames - 1).abs() < EXACT) | frames.isnan()
        clean, mixed = frames[ends_only.all(-1)], frames[~ends_only.all(-1)]
        if mixed.numel() > noise.numel():  # no small view: the large one is resampled
            continue
        lit, dark = int((clean > 0.5).sum()), int((clean < 0.5).sum())
        times = lit // max(1, int(noise.sum()))
        if times and (lit, dark) == (times * int(noise.sum()), times * int((1 - noise).sum())):
            return _fills_alike(image_processor, noise, out, ends)
    return False


def _frames(light: Tensor) -> Float[Tensor, "frames pixels"]:
    """What comes from one view each: frames, squares of frames side by side, or rows of patches."""
    if light.ndim > 3 and light.shape[-3] == 3:
        height, width = light.shape[-2:]
        if width % height == 0:
            light = light.unflatten(-1, (-1, height)).movedim(-2, -4)
        light = light.flatten(-3)
    return light.reshape(-1, light.shape[-1])


def _fills_alike(
    image_processor: Any,
    noise: Float[Tensor, "3 height width"],
    out: list[Tensor],
    ends: list[list[Tensor]],
) -> bool:
    """Whether what is filled up around a picture has the values that it has around a tensor.

    Some processors fill up with a colour in 0 to 255 before they divide by 255, which a tensor of
    floats has behind it.
    """
    filled = [(white - black).abs() <= EXACT for black, white in zip(*ends, strict=True)]
    if not any(each.any() for each in filled):
        return True
    made = _made(image_processor, to_images(noise[None])[0])
    return [each.shape for each in made] == [each.shape for each in out] and all(
        torch.allclose(one[where], two[where], atol=EXACT)
        for one, two, where in zip(made, out, filled, strict=True)
    )


@functools.lru_cache(maxsize=1)
def _noise(extent: Extent) -> Float[Tensor, "3 height width"]:
    """Black and white at random, in every channel."""
    generator = torch.Generator().manual_seed(0)
    return torch.empty(3, *extent).bernoulli_(0.5, generator=generator)


def _pixels(image_processor: Any, picture: Float[Tensor, "3 height width"]) -> list[Tensor]:
    """Everything with fractions that a processor makes of a picture."""
    return _made(image_processor, rescaled(image_processor, picture), do_rescale=False)


def _made(image_processor: Any, picture: Any, **options: Any) -> list[Tensor]:
    made = image_processor(images=[picture], return_tensors="pt", **options)
    found = [value.float() for value in _tensors(list(made.values())) if value.is_floating_point()]
    return [value for value in found if value.ndim > 1]


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)


class _Resizings(TorchDispatchMode):
    """Takes down to which extents pictures are resampled while it is on."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self.made: list[Extent] = []

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        if any(name in func.name() for name in RESIZING):
            self.made.append(Extent(*made.shape[-2:]))
        return made


def _grids(image_processor: Any, extent: Extent) -> list[Extent]:
    """A guess at the extent, for processors that count in whole cells between two limits."""
    patch, merge = (getattr(image_processor, key, None) for key in ("patch_size", "merge_size"))
    if not (isinstance(patch, int) and isinstance(merge, int) and patch > 0 and merge > 0):
        return []
    size, factor = getattr(image_processor, "size", None) or {}, patch * merge
    fewest = _entry(size, "shortest_edge") or getattr(image_processor, "min_pixels", None)
    most = _entry(size, "longest_edge") or getattr(image_processor, "max_pixels", None)
    if not (fewest and most and extent.area):
        return []
    scale = min(max(1.0, math.sqrt(fewest / extent.area)), math.sqrt(most / extent.area))
    found = Extent(*(round(side * scale / factor) * factor for side in extent))
    if min(found) and fewest <= found.area <= most:
        return [found]
    return _nearest_grid(extent, factor, range(-(-fewest // factor**2), most // factor**2 + 1))


def _nearest_grid(extent: Extent, factor: int, areas: range) -> list[Extent]:
    """The extent of nearest proportions among those whose area in cells is allowed.

    For long pictures and narrow limits, where rounding to whole cells leaves the limits again.
    """
    wanted = extent.width / extent.height
    grids = [
        Extent(rows, columns)
        for rows in range(1, min(areas.stop, 4096))
        for columns in {
            min(max(round(rows * wanted), -(-areas.start // rows)), (areas.stop - 1) // rows)
        }
        if rows * columns in areas
    ]
    grids.sort(key=lambda grid: abs(math.log(grid.width / grid.height / wanted)))
    return [Extent(best.height * factor, best.width * factor) for best in grids[:1]]


def _entry(size: Any, key: str) -> int | None:
    value = size.get(key) if hasattr(size, "get") else getattr(size, key, None)
    return int(value) if value else None
