"""Reading bits from a suspect, in either mode. Knows nothing of verdicts."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool
from PIL import Image
from torch import Tensor

from sif.marks.injected_task import injection
from sif.marks.pool import BATCH
from sif.marks.vision_model import VisionModel
from sif.marks.watermark import Watermark
from sif.vlm.pixels import to_tensor
from sif.watermark.activemark.coders import Decoder, Encoder
from sif.watermark.activemark.losses import bit_errors
from sif.watermark.activemark.projection import bits_of, read_out


def read_errors(watermark: Watermark, suspect: VisionModel) -> list[int]:
    """D, the wrong bits of each hold-out image, in the order of the watermark.

    Args:
        watermark: the owner's.
        suspect: loaded with the watermark's readout.

    Raises:
        UsageError: a suspect of other shapes; says which.
    """
    watermark.check(suspect)
    manifest, messages = watermark.manifest, watermark.messages
    if manifest.recipe.mode == "keyed":
        bits = keyed_bits(suspect, watermark.pictures, watermark.directions)
    else:
        encoder, decoder = watermark.coders(suspect.device)
        bits = injected_bits(
            suspect,
            watermark.pictures,
            messages,
            encoder=encoder,
            decoder=decoder,
            block=manifest.block,
            token=manifest.token,
        )
    return [int(errors) for errors in bit_errors(bits, messages)]


@torch.no_grad()
def keyed_bits(
    suspect: VisionModel, pictures: Sequence[Image.Image], directions: Tensor
) -> Bool[Tensor, "batch bits"]:
    """What the suspect's own representations spell; no message is needed for it."""
    images = to_tensor(suspect.pictures(pictures))
    features = torch.cat([suspect.features(part).cpu() for part in images.split(BATCH)])
    return bits_of(read_out(features, directions))


@torch.no_grad()
def injected_bits(
    suspect: VisionModel,
    pictures: Sequence[Image.Image],
    messages: Bool[Tensor, "batch bits"],
    *,
    encoder: Encoder,
    decoder: Decoder,
    block: int,
    token: int,
) -> Bool[Tensor, "batch bits"]:
    """What the decoder reads after the encoder has put the messages in."""
    images, rows = to_tensor(suspect.pictures(pictures)), []
    for part, wanted in zip(images.split(BATCH), messages.split(BATCH), strict=True):
        edit = injection(wanted.to(suspect.device), encoder=encoder, token=token)
        seen = suspect.run(suspect.prepare(part), edits={block: edit})
        rows.append(bits_of(decoder(seen.features)).cpu())
    return torch.cat(rows)
