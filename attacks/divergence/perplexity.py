"""The signal `perplexity`: how odd a prompt is to the reference's language model.

A text-only forward pass of the reference, over the prompt as it was typed: exp of the mean of
-ln p(token | tokens before it). The paper flags values over 1000, the released code those over the
95th percentile of benign ones (Zhao, Lou, Zheng, arXiv 2604.17041). It sees no answers.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sif.attacks.divergence.exchange import Exchange
from sif.attacks.divergence.signal import Side, Signal


class PromptPerplexity(Signal):
    """Perplexity of prompts; each distinct prompt takes one forward pass.

    Args:
        model: a model of transformers that takes `input_ids` alone; an LVLM does.
        tokenizer: its tokenizer.
    """

    name = "perplexity"
    side = Side.ABOVE

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._known: dict[str, float | None] = {}

    def measure(self, exchanges: Sequence[Exchange]) -> list[float | None]:
        """1 or more; None for prompts of no more than one token."""
        for one in exchanges:
            if one.prompt not in self._known:
                self._known[one.prompt] = self._perplexity(one.prompt)
        return [self._known[one.prompt] for one in exchanges]

    @torch.inference_mode()
    def _perplexity(self, prompt: str) -> float | None:
        ids = self._tokenizer(prompt, return_tensors="pt")["input_ids"]
        begin = self._tokenizer.bos_token_id
        if begin is not None and (not ids.shape[1] or int(ids[0, 0]) != begin):
            ids = torch.cat([ids.new_tensor([[begin]]), ids], dim=1)
        if ids.shape[1] < 2:
            return None
        self.passes += 1
        ids = ids.to(self._model.device)
        mask = torch.ones_like(ids)
        logits = self._model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        return perplexity(logits[0].float(), ids[0])


def perplexity(logits: Float[Tensor, "positions vocab"], ids: Int[Tensor, " positions"]) -> float:
    """Of all ids but the first, each predicted from those before it.

    Args:
        logits: after every id.
        ids: at least two.
    """
    return float(torch.nn.functional.cross_entropy(logits[:-1], ids[1:].long()).exp())
