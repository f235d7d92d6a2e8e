"""Where a vision model's final representation is read, so that suspects are read alike.

Knows nothing of models by name and nothing of files.
"""

from typing import Any, Literal

from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

Kind = Literal["pooled", "first", "mean", "blocks"]


class Readout(BaseModel):
    """What is taken from a forward pass as the representation of an image.

    Attributes:
        kind: "pooled" is the model's own `pooler_output` (CLIP and DINOv2: the normalised CLS
            token; SigLIP: attention pooling). "first" is the first token of the last hidden state
            (ViT: the normalised CLS token, since its pooler is often untrained). "mean" is the
            mean over the tokens that the model hands on: those of `pooler_output` where that has
            one for each patch (a Qwen2.5-VL tower after its merger), else of the last hidden state.
            "blocks" is the mean over the patches in the outputs of `layers`, beside one another,
            which is what a LLaVA's projector sees.
        layers: blocks that "blocks" reads, counted from 0.
        skip: tokens before the patches that "blocks" leaves out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    layers: tuple[int, ...] = ()
    skip: int = Field(default=0, ge=0)

    def tokens(
        self, output: Any, hidden: tuple[Float[Tensor, "batch positions hidden"], ...]
    ) -> Float[Tensor, "batch tokens features"]:
        """The tokens that stand behind the representation, some of which may be no patches."""
        if self.kind == "blocks":
            import torch

            return torch.cat([hidden[layer] for layer in self.layers], -1)[:, self.skip :]
        batch = hidden[0].shape[0]
        merged = getattr(output, "pooler_output", None)
        if self.kind == "mean" and merged is not None:
            tokens: Tensor = merged.reshape(batch, -1, merged.shape[-1])
            return tokens
        last: Tensor = output.last_hidden_state
        return last.reshape(batch, -1, last.shape[-1])

    def features(
        self, output: Any, tokens: Float[Tensor, "batch tokens features"]
    ) -> Float[Tensor, "batch features"]:
        """The representation: one vector for each image."""
        match self.kind:
            case "pooled":
                pooled: Tensor = output.pooler_output
                return pooled
            case "first":
                return tokens[:, 0]
            case "mean" | "blocks":
                return tokens.mean(1)
