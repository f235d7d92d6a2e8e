"""CroPA: the prompt's text embeddings move against the image while the image is made.

Knows nothing of what the loss is. Source: Luo et al., "An Image Is Worth 1000 Lies: Adversarial
Transferability across Prompts on Vision-Language Models" (ICLR 2024): the image descends the loss,
δ ← δ + α₂ sign ∇_δ L ascends it, δ added to the prompt's embeddings.

Which positions are text of the prompt is seen where the model is called. `Vlm.answer_logits` puts
an answer behind every prompt, padded to one length, and asks for the logits of that length and one
more: so the last `logits_to_keep` − 1 positions are the answers, and all before are the prompts in
their chat template. Of these, the special ids (padding, begin, turn markers, image placeholders)
are left as they are; what remains is text: the question and the template's words around it.

The released SIF code masks the whole prompt *and* the whole answer, so that its noise stays zero.
Here it does not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sif.fingerprint.robustness.term import Gradient, GradientFunction, StepContext
from sif.vlm.model import Vlm

Noise = Float[Tensor, "batch positions hidden"]


@dataclass(slots=True, kw_only=True)
class TextEmbeddingNoise:
    """Adversarial noise on the prompt's text embeddings, kept from step to step.

    The noise begins at zero in step 0 (and where the shapes change), and stays as it is once
    `steps` are over. Noise and image learn from the same pass, so that a step costs one.

    Args:
        step_size: α₂.
        steps: the noise is moved in the first so many steps of the image.
        every: it is moved in every n-th of them (30 in the released code, 1 for all).
    """

    step_size: float = 0.01
    steps: int = 300
    every: int = 1
    _noise: Noise | None = field(default=None, init=False, repr=False)

    def around(self, inner: GradientFunction, context: StepContext) -> GradientFunction:
        """The gradient at noisy embeddings; then the noise takes its own step.

        The gradient function raises RuntimeError where the model is not called through
        `Vlm.answer_logits`.
        """

        def gradient(images: Tensor) -> Gradient:
            if context.step == 0:
                self._noise = None
            with noisy_text(context.vlm, self._noise) as passes:
                result = inner(images)
            if not passes or passes[-1].grad is None:
                raise RuntimeError("expected a gradient at the prompt's embeddings, got none")
            self._noise = passes[-1].detach()
            if context.step < self.steps and not (context.step + 1) % self.every:
                self._noise = self._noise + self.step_size * passes[-1].grad.sign()
            return result

        return gradient


@contextmanager
def noisy_text(vlm: Vlm, noise: Noise | None) -> Iterator[list[Tensor]]:
    """Adds noise to the embeddings of the prompts' text, in every forward pass.

    Args:
        vlm: the model, called through `answer_logits`.
        noise: zeros where None or where the shape does not fit.

    Yields:
        One leaf "batch positions hidden" for each forward pass so far; after a backward pass it
        holds the gradient, which is zero wherever no noise is added.
    """
    mask: list[Bool[Tensor, "batch positions"]] = []
    passes: list[Tensor] = []

    def before_model(_module: nn.Module, _inputs: Any, named: dict[str, Any]) -> None:
        kept = named.get("logits_to_keep")
        if not isinstance(kept, int) or kept < 1 or "input_ids" not in named:
            raise RuntimeError("expected a call through Vlm.answer_logits, got another one")
        mask[:] = [text_positions(vlm, named["input_ids"], answer=kept - 1)]

    def after_embedding(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        if not mask or output.shape[:-1] != mask[0].shape:
            return output
        fits = noise is not None and noise.shape == output.shape
        value = noise if noise is not None and fits else torch.zeros_like(output, dtype=torch.float)
        leaf = value.detach().clone().requires_grad_()
        passes.append(leaf)
        return output + (leaf * mask[0][..., None].to(leaf.device)).to(output.dtype)

    handles = [
        vlm.model.register_forward_pre_hook(before_model, with_kwargs=True),
        vlm.model.get_input_embeddings().register_forward_hook(after_embedding),
    ]
    try:
        yield passes
    finally:
        for handle in handles:
            handle.remove()


def text_positions(
    vlm: Vlm, ids: Int[Tensor, "batch positions"], *, answer: int
) -> Bool[Tensor, "batch positions"]:
    """Where the prompts' text lies: neither the last `answer` positions nor special ids."""
    added = vlm.tokenizer.added_tokens_decoder
    special = {*vlm.tokenizer.all_special_ids, *(i for i, token in added.items() if token.special)}
    special |= {getattr(vlm.processor, "image_token_id", None)} - {None}
    found = ~torch.isin(ids, torch.tensor(sorted(special), device=ids.device))
    found[:, ids.shape[1] - answer :] = False
    return found
