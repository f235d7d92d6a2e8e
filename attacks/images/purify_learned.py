"""A purifier that was trained: a small network takes out noise as strong as it is told.

Two sets of weights come with SIF, both learnt from pictures of the mini worlds without any trigger:
`informed` knows what changes triggers are allowed (bounded, and out of what ordinary patches hold),
`gaussian` knows ordinary noise only. For pictures of another kind train others.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Final

from PIL import Image

from sif.attacks.images.attack import ImageAttack
from sif.attacks.strength import Strength
from sif.errors import UsageError

TAKEN_OUT: Final = Strength(
    attack="purify-learned",
    noun="standard deviation",
    low=0,
    high=100,
    example="purify-learned:16",
)
BUNDLED: Final = ("informed", "gaussian")
SUFFIX: Final = ".safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class PurifyLearned(ImageAttack):
    """What `sif.attacks.images.denoiser.Denoiser` makes of the picture.

    Attributes:
        deviation: σ, the noise to take out, in units of 1/255; 0 to 100. None changes nothing.
        weights: one of `BUNDLED`, or a file that ends in .safetensors.

    Raises:
        UsageError: the deviation is out of range, or the weights are neither.
    """

    deviation: int | float
    weights: str = BUNDLED[0]

    def __post_init__(self) -> None:
        TAKEN_OUT.check(self.deviation)
        if self.weights not in BUNDLED and not self.weights.endswith(SUFFIX):
            raise UsageError(
                f"expected as weights of {TAKEN_OUT.attack} {' or '.join(BUNDLED)} or a file that "
                f"ends in {SUFFIX}, got {self.weights!r}; write for example {TAKEN_OUT.example} or "
                f"{TAKEN_OUT.example}@mine{SUFFIX}"
            )

    def __str__(self) -> str:
        own = "" if self.weights == BUNDLED[0] else f"@{self.weights}"
        return TAKEN_OUT.text(self.deviation) + own

    def _attacked(self, picture: Image.Image) -> Image.Image:
        if self.deviation == 0:
            return picture.copy()
        import torch

        from sif.vlm.pixels import to_images, to_tensor

        level = torch.tensor([self.deviation / 255])
        with torch.inference_mode():
            clean = _denoiser(self.weights)(to_tensor([picture]), level)
        return to_images(clean.clamp(0, 1))[0]


def read_purify_learned(text: str) -> PurifyLearned:
    """Reads `NUMBER` or `NUMBER@WEIGHTS`.

    Raises:
        UsageError: the number is missing or out of range, or the weights are none.
    """
    number, at, weights = text.partition("@")
    deviation = TAKEN_OUT.read(number)
    return PurifyLearned(deviation=deviation, weights=weights if at else BUNDLED[0])


def bundled_weights(name: str) -> Path:
    """Where weights that come with SIF lie."""
    return Path(str(resources.files(__package__).joinpath("weights", f"{name}{SUFFIX}")))


@lru_cache(maxsize=8)
def _denoiser(weights: str):  # type: ignore[no-untyped-def]  # its type needs torch
    from sif.attacks.images.denoiser import load_denoiser

    return load_denoiser(bundled_weights(weights) if weights in BUNDLED else Path(weights))
