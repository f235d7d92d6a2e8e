"""A small convolutional denoiser that is told how strong the noise is; its weights in a file.

In the manner of FFDNet (Zhang, Zuo, Zhang, IEEE TIP 2018). Knows nothing of triggers or of how it
is trained; `sif.eval.training.purifier` does that.
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
from sif.plain_files import refuse_pipe

KIND: Final = "sif-denoiser-1"
WIDTH: Final = 24
DILATIONS: Final = (1, 2, 3, 4, 3, 2, 1)
NEIGHBOURHOOD: Final = 9
SCALE: Final = 10.0


class Denoiser(nn.Module):
    """Seven dilated 3 by 3 convolutions (Zhang et al., IRCNN, CVPR 2017) on a picture's detail.

    What a picture has beyond the means of 9 by 9 pixels goes in, beside a map of the noise's
    strength (FFDNet); an estimate of the noise comes out, which is taken off (residual learning;
    Zhang et al., DnCNN, IEEE TIP 2017).
    """

    def __init__(self) -> None:
        super().__init__()
        sizes = [3 + 1, *[WIDTH] * (len(DILATIONS) - 1), 3]
        layers = [
            nn.Conv2d(before, after, 3, padding=dilation, dilation=dilation)
            for (before, after), dilation in zip(pairwise(sizes), DILATIONS, strict=True)
        ]
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        with torch.no_grad():
            layers[-1].weight.mul_(0.1)  # untrained, it changes little
        self.layers = nn.ModuleList(layers)

    def forward(
        self, images: Float[Tensor, "batch 3 height width"], noise: Float[Tensor, " batch"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """The pictures without noise of this standard deviation; not clipped.

        Args:
            images: in [0, 1], of any extent.
            noise: standard deviation for each picture, in [0, 1].
        """
        reach = NEIGHBOURHOOD // 2
        padded = F.pad(images, (reach, reach, reach, reach), mode="replicate")
        detail = images - F.avg_pool2d(padded, NEIGHBOURHOOD, stride=1)
        level = noise[:, None, None, None].expand(-1, 1, *images.shape[-2:])
        hidden = SCALE * torch.cat([detail, level], 1)
        for layer in self.layers[:-1]:
            hidden = layer(hidden).relu()
        found: Tensor = self.layers[-1](hidden) / SCALE
        return images - found


def load_denoiser(file: Path) -> Denoiser:
    """Reads weights that `save_denoiser` wrote.

    Raises:
        UsageError: no such file, or one of something else.
    """
    denoiser = Denoiser()
    try:
        refuse_pipe(file)
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
