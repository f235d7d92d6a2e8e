"""The teacher: a language model's logits with the green ids made likelier.

Pure arithmetic on tensors; knows neither keys nor the model that the logits come from.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sif.errors import UsageError


def bias_logits(
    logits: Float[Tensor, "*batch vocab"], mask: Bool[Tensor, "*#batch green"], delta: float
) -> Float[Tensor, "*batch vocab"]:
    """Logits of the teacher, q(v) ∝ exp(z(v) + δ·1[v is green]).

    Args:
        logits: z, in any precision; left as they are.
        mask: green ids; one list for all, or one for each row. Models often pad their vocabulary
            beyond the tokenizer's: the ids behind the end of the mask are not green.
        delta: δ, the bias.

    Raises:
        UsageError: a mask longer than the vocabulary of the logits.
    """
    missing = logits.shape[-1] - mask.shape[-1]
    if missing < 0:
        raise UsageError(
            f"expected a mask of at most {logits.shape[-1]} ids, as many as the model's logits, "
            f"got {mask.shape[-1]}; the mask belongs to another tokenizer"
        )
    if missing:
        mask = torch.nn.functional.pad(mask, (0, missing), value=False)
    return logits + delta * mask.to(device=logits.device, dtype=logits.dtype)
