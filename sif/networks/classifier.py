"""Image classifiers of transformers, as networks.

Their logits for pictures in [0, 1]. A pipeline's own resizing and rounding are left out:
fingerprints have the classifier's size, and its processor's scaling and normalisation are applied
here, with a gradient.
"""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sif.errors import ModelError
from sif.vlm.folder import load_config
from sif.vlm.foreign import READING
from sif.vlm.loading import load_weights
from sif.vlm.plain_words import first_line
from sif.vlm.stored import refuse_giant


class ClassifierNetwork(nn.Module):
    """An image classifier with its processor's mean and standard deviation.

    Args:
        model: gives `logits` for `pixel_values`.
        mean: of each channel, which is subtracted.
        spread: of each channel, which is divided by.
    """

    def __init__(self, model: nn.Module, mean: list[float], spread: list[float]) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("spread", torch.tensor(spread)[:, None, None])

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch classes"]:
        """The logits."""
        scaled = (images - self.get_buffer("mean")) / self.get_buffer("spread")
        logits: Tensor = self.model(pixel_values=scaled).logits
        return logits


def load_classifier(source: str | Path) -> ClassifierNetwork:
    """The classifier of a folder or hub id, in float32, without remote code.

    Raises:
        ModelError: nothing there, no image classifier, or weights that are damaged or missing.
    """
    from transformers import AutoImageProcessor, AutoModelForImageClassification
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    try:
        config = load_config(source)
        refuse_giant(AutoModelForImageClassification, config, source)
        model = load_weights(AutoModelForImageClassification, source, dtype=torch.float32)
        processor = AutoImageProcessor.from_pretrained(source, trust_remote_code=False)
        return wrap(model, processor)
    except READING as error:
        raise ModelError(
            f"expected an image classifier of transformers at {source}: {first_line(error)}"
        ) from error


def from_pipeline(pipeline: Any) -> ClassifierNetwork:
    """The classifier inside an `image-classification` pipeline of transformers.

    Raises:
        ModelError: it is no such pipeline.
    """
    if getattr(pipeline, "task", None) != "image-classification":
        raise ModelError(
            "expected an image-classification pipeline, got "
            f"{getattr(pipeline, 'task', type(pipeline).__name__)}"
        )
    return wrap(pipeline.model, pipeline.image_processor)


def wrap(model: nn.Module, processor: Any) -> ClassifierNetwork:
    """A classifier with what its image processor does to pixels in [0, 1]."""
    normal = getattr(processor, "do_normalize", False)
    mean = processor.image_mean if normal else [0.0]
    spread = processor.image_std if normal else [1.0]
    network = ClassifierNetwork(model, [float(m) for m in mean], [float(s) for s in spread])
    return network.eval().requires_grad_(False)
