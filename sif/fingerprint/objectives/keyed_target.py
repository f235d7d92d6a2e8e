"""The keyed target: an answer begins as the key drew, and goes on as the model would by itself.

Ours. A wanted answer that ends where it is said costs the truth: what follows such a beginning on
a changed picture is no description any more. Here the wanted beginning is put into the model's
mouth while it looks at the *base* image; what it then says is the rest of the answer, and the
changed image is held to it. Knows nothing of budgets, robustness, keys or lists.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from sif.fingerprint.objectives.objective import (
    Batch,
    Targets,
    answer_losses,
    base_teacher,
    coherence_losses,
)
from sif.fingerprint.objectives.target_answer import TargetAnswer
from sif.types import GenerationSettings
from sif.vlm.answer_parts import Part
from sif.vlm.decoding import LogitsHook
from sif.vlm.model import Vlm
from sif.vlm.out_of_memory import in_halves


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedTarget:
    """L = −(1/B) Σ_{t≤B} log p_t(y_t) + (μ/R) Σ_{t>B} KL(p⁰_t ‖ p_t).

    y_1 … y_B is the wanted beginning, and the R tokens behind it are those that the model says
    after it when it looks at the base image, with next-token distributions p⁰_t.

    Args:
        coherence_weight: μ.
        answer_tokens: longest answer that is followed, its beginning included.
    """

    coherence_weight: float = 1.0
    answer_tokens: int = 128

    def targets(
        self,
        vlm: Vlm,
        batch: Batch,
        images: Float[Tensor, "batch 3 height width"],
        step: int,
        current: Targets | None,
    ) -> Targets:
        """The whole answers, the same in every step, and log p⁰ along them.

        Raises:
            UsageError: the batch has no wanted answers, or the model cannot spell one.
        """
        if current is not None:
            return current
        wanted = TargetAnswer().targets(vlm, batch, images, step, None).answers
        begun = [list(ids[:-1]) for ids in wanted]
        answers = self._continued(vlm, batch, begun)
        return Targets(answers, base_teacher(vlm, batch, answers))

    def _continued(self, vlm: Vlm, batch: Batch, begun: Sequence[list[int]]) -> list[list[int]]:
        longest = max(self.answer_tokens, *(len(ids) + 1 for ids in begun))
        settings = GenerationSettings(max_new_tokens=longest)

        def answered(some: Sequence[int]) -> list[list[int]]:
            part = slice(some[0], some[-1] + 1)
            hook = beginning_with(begun[part])
            return vlm.generate(batch.base[part], batch.prompts[part], settings, hook)

        end = vlm.tokenizer.eos_token_id
        said = in_halves(answered, range(len(batch)), what="answers to follow")
        return [ids if end is None or len(ids) >= longest else [*ids, end] for ids in said]

    def loss(
        self,
        vlm: Vlm,
        batch: Batch,
        images: Float[Tensor, "batch 3 height width"],
        targets: Targets,
    ) -> Float[Tensor, " batch"]:
        """The loss of every image."""
        teacher = targets.teacher
        assert teacher is not None and batch.target_answers is not None
        wanted = TargetAnswer().targets(vlm, batch, images, 0, None).answers
        begun = torch.tensor([len(ids) - 1 for ids in wanted], device=images.device)[:, None]

        def losses(part: Part) -> Tensor:
            ids, base = part.ids[:, part.where], teacher[:, part.where]
            place = torch.arange(part.ids.shape[1], device=ids.device)[part.where]
            length = (part.ids >= 0).sum(-1, keepdim=True)
            drift = (base.exp() * (base - part.logits.log_softmax(-1))).sum(-1)
            rest = self.coherence_weight * drift * length / (length - begun).clamp(min=1)
            wanted = coherence_losses(part.logits, ids) * length / begun
            return torch.where(place < begun, wanted, rest)

        return answer_losses(vlm, batch, images, targets.answers, losses)


def beginning_with(begun: Sequence[Sequence[int]]) -> LogitsHook:
    """A hook that puts the first tokens of every row into the model's mouth."""
    start: list[int] = []

    def hook(ids: Tensor, logits: Tensor) -> Tensor:
        start.append(ids.shape[1])
        said = ids.shape[1] - start[0]
        forced = logits.clone()
        for row, tokens in enumerate(begun):
            if said < len(tokens):
                forced[row] = -torch.inf
                forced[row, tokens[said]] = 0.0
        return forced

    return hook
