"""A small convolutional denoiser that is told how strong the noise is; its weights in a file.

FFDNet (Zhang, Zuo, Zhang, IEEE TIP 2018) in little. Knows nothing of triggers or of how it is
trained; `sif.eval.zoo.purifier` does that.
"""

from itertools import pairwise
from pathlib import Path
from typing import Final

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from sif.errors import UsageError
from sif.files import write_atomically

KIND: Final = "sif-denoiser-1"
WIDTH: Final = 40
DEPTH: Final = 6


class Denoiser(nn.Module):
    """Six 3 by 3 convolutions on a picture of half the size, in which four pixels are one place.

    A map of the noise's strength goes in beside the picture, and an estimate of the noise comes
    out, which is taken off (residual learning; Zhang et al., DnCNN, IEEE TIP 2017).
    """

    def __init__(self) -> None:
        super().__init__()
        sizes = [4 * 3 + 1, *[WIDTH] * (DEPTH - 1), 4 * 3]
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(sizes)
        )
        nn.init.zeros_(self.layers[-1].get_parameter("weight"))  # untrained, it changes nearly none

    def forward(
        self, images: Float[Tensor, "batch 3 height width"], noise: Float[Tensor, " batch"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """The pictures without noise of this standard deviation; not clipped.

        Args:
            images: in [0, 1], of any extent.
            noise: standard deviation for each picture, in [0, 1].
        """
        height, width = images.shape[-2:]
        even = F.pad(images, (0, width % 2, 0, height % 2), mode="replicate")
        places = F.pixel_unshuffle(even, 2)
        level = noise[:, None, None, None].expand(-1, 1, *places.shape[-2:])
        hidden = torch.cat([places, level], 1)
        for layer in self.layers[:-1]:
            hidden = layer(hidden).relu()
        found: Tensor = F.pixel_shuffle(self.layers[-1](hidden), 2)
        return (even - found)[..., :height, :width]


def load_denoiser(file: Path) -> Denoiser:
    """Reads weights that `save_denoiser` wrote.

    Raises:
        UsageError: no such file, or one of something else.
    """
    denoiser = Denoiser()
    try:
        with safe_open(file, framework="pt") as content:
            kind = (content.metadata() or {}).get("kind")
            state = {name: content.get_tensor(name).float() for name in content.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise UsageError(
            f"expected the weights of a denoiser in {file}: {error}; train them with "
            "`sif zoo purifier --out FILE`"
        ) from error
    shapes = {name: value.shape for name, value in denoiser.state_dict().items()}
    if kind != KIND or {name: value.shape for name, value in state.items()} != shapes:
        raise UsageError(
            f"expected the weights of a denoiser ({KIND}) in {file}, got {kind or 'others'}; "
            "train them with `sif zoo purifier --out FILE`"
        )
    denoiser.load_state_dict(state)
    return denoiser.eval().requires_grad_(False)


def save_denoiser(denoiser: Denoiser, file: Path) -> None:
    """Writes weights in half precision.

    Raises:
        StorageError: the disk refuses.
    """
    state = {n: v.detach().half().cpu().contiguous() for n, v in denoiser.state_dict().items()}
    write_atomically(file, save(state, metadata={"kind": KIND}))
