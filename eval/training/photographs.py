"""What vision models learn from: crops of real photographs, and scribbles for lines.

The photographs come with scikit-image and scikit-learn. Some are set apart and never trained on, so
that they can say how a model behaves on pictures that it has not seen. Knows nothing of models.
"""

from functools import cache
from pathlib import Path
from typing import Final, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from sif.errors import UsageError

Split = Literal["seen", "unseen"]
# Files of scikit-image's wheel; nothing is downloaded.
SEEN: Final = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "page.png",
    "retina.jpg",
    "text.png",
)
UNSEEN: Final = ("motorcycle_left.png", "rocket.jpg", "moon.png", "clock_motion.png")
LONGEST: Final = 448
SMALLEST, LARGEST = 0.15, 0.7
STROKES: Final = 3
CORNERS: Final = 4


@cache
def photographs(split: Split) -> tuple[Image.Image, ...]:
    """The photographs of a split in RGB; scikit-learn's two are among the unseen.

    Large ones are reduced to 448 pixels at their longer side, which the crops do not outresolve.

    Raises:
        UsageError: scikit-image or scikit-learn is missing.
    """
    try:
        import skimage
        from sklearn.datasets import load_sample_images
    except ImportError as error:
        raise UsageError(
            f"expected scikit-image and scikit-learn, which bring photographs ({error}); "
            "`pip install scikit-image scikit-learn` adds them"
        ) from error
    folder = Path(skimage.__file__).parent / "data"
    pictures = [_read(folder / name) for name in (SEEN if split == "seen" else UNSEEN)]
    if split == "unseen":
        pictures += [Image.fromarray(image) for image in load_sample_images().images]
    for picture in pictures:
        picture.thumbnail((LONGEST, LONGEST))
    return tuple(pictures)


def crops(split: Split, *, number: int, side: int, rng: np.random.Generator) -> list[Image.Image]:
    """Square random crops, mirrored half of the time, scaled to `side` pixels.

    A crop's side is 15 to 70% of its photograph's shorter one.
    """
    pictures = photographs(split)
    return [_crop(pictures[int(rng.integers(len(pictures)))], side, rng) for _ in range(number)]


def _read(file: Path) -> Image.Image:
    with Image.open(file) as picture:
        return picture.convert("RGB")


def _crop(picture: Image.Image, side: int, rng: np.random.Generator) -> Image.Image:
    width, height = picture.size
    extent = min(picture.size) * rng.uniform(SMALLEST, LARGEST)
    left, top = rng.uniform(0, width - extent), rng.uniform(0, height - extent)
    box = (left, top, left + extent, top + extent)
    scaled = picture.resize((side, side), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    mirrored = rng.random() < 0.5
    return scaled.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else scaled


def scribble(side: int, rng: np.random.Generator) -> Image.Image:
    """One to three bent strokes, light on dark or dark on light, a little blurred."""
    ground, ink = (
        tuple(int(value) for value in rng.integers(*reach, 3)) for reach in _reaches(rng)
    )
    picture = Image.new("RGB", (side, side), ground)
    pen = ImageDraw.Draw(picture)
    width = int(rng.integers(side // 20, side // 6))
    for _ in range(int(rng.integers(1, STROKES + 1))):
        corners = rng.uniform(0.1, 0.9, (int(rng.integers(2, CORNERS + 1)), 2)) * side
        pen.line([(float(x), float(y)) for x, y in corners], fill=ink, width=width, joint="curve")
    return picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, side / 30))))


def _reaches(rng: np.random.Generator) -> tuple[tuple[int, int], tuple[int, int]]:
    dark, light = (0, 90), (165, 256)
    return (dark, light) if rng.random() < 0.7 else (light, dark)
