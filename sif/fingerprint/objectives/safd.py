"""SAFD: distil a green-list watermark into an image.

The teacher is the model itself with the watermark's bias on its logits; the student is the model as
it is, looking at the changed image. Knows nothing of budgets, robustness or keys.
Source: Zhao, Lou, Zheng, CVPR 2026 (arXiv 2604.17041).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from sif.fingerprint.objectives.objective import (
    Batch,
    Targets,
    answer_losses,
    base_teacher,
    coherence_losses,
    taught,
)
from sif.vlm.answer_parts import Part
from sif.vlm.model import Vlm
from sif.watermark.greenlist.bias import bias_logits


@dataclass(frozen=True, slots=True, kw_only=True)
class Safd:
    """L = λ_wm L_wm + λ_ce L_ce (+ λ_kd L_kd, ours) along an answer.

    The published loss follows the teacher's first answer. It has two weaknesses: the student soon
    says something else, and L_wm pushes green words where grammar or facts leave no choice, so
    that answers become strings of green words. `refresh_every` lets the answer follow the student;
    L_kd follows the teacher's whole distribution, which stays firm where there is no choice.

    Args:
        watermark_weight: λ_wm.
        coherence_weight: λ_ce.
        distil_weight: λ_kd; the teacher looks at the base image, whatever the student sees.
        top_k: K of the student's truncated distribution.
        delta: δ, the teacher's bias on green logits.
        answer_tokens: longest answer that is distilled.
        refresh_every: steps after which the answer is generated again from the current image;
            None keeps the teacher's words about the base image.
        refresh_delta: bias while those later answers are generated.
    """

    watermark_weight: float = 0.5
    coherence_weight: float = 0.5
    distil_weight: float = 0.0
    top_k: int = 50
    delta: float = 4.0
    answer_tokens: int = 128
    refresh_every: int | None = None
    refresh_delta: float = 3.0

    def targets(
        self,
        vlm: Vlm,
        batch: Batch,
        images: Float[Tensor, "batch 3 height width"],
        step: int,
        current: Targets | None,
    ) -> Targets:
        """Watermarked answers (q_t(v) ∝ exp(z_t(v) + δ·1[v ∈ G_t])), decoded greedily."""
        if current is not None and (not self.refresh_every or step % self.refresh_every):
            return current
        delta = self.delta if current is None else self.refresh_delta
        answers = taught(vlm, batch, images, delta=delta, longest=self.answer_tokens)
        answers = [answer or [vlm.tokenizer.eos_token_id] for answer in answers]
        if not self.distil_weight:
            return Targets(answers)
        green = batch.green[:, None]
        biased = base_teacher(vlm, batch, answers, lambda z: bias_logits(z, green, self.delta))
        return Targets(answers, biased)

    def loss(
        self,
        vlm: Vlm,
        batch: Batch,
        images: Float[Tensor, "batch 3 height width"],
        targets: Targets,
    ) -> Float[Tensor, " batch"]:
        """The weighted sum of the losses, for every image."""
        teacher, weights = targets.teacher, [self.coherence_weight]
        if self.watermark_weight:
            weights.append(self.watermark_weight)
        if teacher is not None:
            weights.append(self.distil_weight)

        def losses(part: Part) -> Tensor:
            logits, ids = part.logits, part.ids[:, part.where]
            kinds = [coherence_losses(logits, ids)]
            if self.watermark_weight:
                kinds.append(watermark_losses(logits, ids, batch.green, self.top_k))
            if teacher is not None:
                kinds.append(distillation_losses(logits, teacher[:, part.where]))
            return torch.stack(kinds)

        first, *others = answer_losses(vlm, batch, images, targets.answers, losses)
        loss: Tensor = weights[0] * first
        for weight, other in zip(weights[1:], others, strict=True):
            loss = loss + weight * other
        return loss


def watermark_losses(
    logits: Float[Tensor, "batch positions vocab"],
    ids: Int[Tensor, "batch positions"],
    green: Bool[Tensor, "batch greens"],
    top_k: int,
) -> Float[Tensor, "batch positions"]:
    """−log Σ_{v∈G} p̃_t(v), p̃_t the top-K of the student, renormalised; L_wm is their mean.

    A position whose top-K holds no green word would be infinitely wrong and has no gradient: it
    adds nothing to the sum, but counts in T.

    Args:
        logits: of the student.
        ids: the answer, -1 where there is none.
        green: mask over the tokenizer's vocabulary, which may be shorter than the logits.
        top_k: K.
    """
    values, tokens = logits.topk(min(top_k, logits.shape[-1]), dim=-1)
    padded = F.pad(green, (0, logits.shape[-1] - green.shape[-1]))
    is_green = padded[:, None].expand(-1, logits.shape[1], -1).gather(-1, tokens)
    reachable = is_green.any(-1) & (ids >= 0)
    mass = values.masked_fill(~is_green, -torch.inf)
    mass = torch.where(reachable[..., None], mass, values).logsumexp(-1)
    return torch.where(reachable, values.logsumexp(-1) - mass, 0.0)


def distillation_losses(
    logits: Float[Tensor, "batch positions vocab"],
    teacher: Float[Tensor, "batch positions vocab"],
) -> Float[Tensor, "batch positions"]:
    """KL(q_t ‖ p_t), q the teacher's distribution and p the student's; L_kd is their mean.

    Args:
        logits: of the student.
        teacher: log q.
    """
    return (teacher.exp() * (teacher - logits.log_softmax(-1))).sum(-1)
