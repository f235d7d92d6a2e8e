"""Green mass: raise the probability of the green words that truth and grammar allow, all together.

Ours. L_wm of SAFD follows green words wherever the model's top-K holds one, so that answers become
strings of them; distilling the teacher's distribution asks for the right share of every single
word, and most of the image's little power goes there. Here the model's own view of the *base* image
says which words would do at a place, and only their joint mass counts. Knows nothing of budgets,
robustness or keys.
"""

from dataclasses import dataclass
from math import log

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from sif.fingerprint.objectives.objective import (
    Batch,
    Targets,
    answer_losses,
    base_teacher,
    mean_along,
    taught,
)
from sif.vlm.answer_parts import Part
from sif.vlm.model import Vlm


@dataclass(frozen=True, slots=True, kw_only=True)
class GreenMass:
    """L = (1/T) Σ_t ℓ_t along the model's own answer, which is generated again now and then.

    With p⁰_t the model's next-token distribution for the base image after the same words, the
    plausible green ids are A_t = {v ∈ G : p⁰_t(v) ≥ κ}. Where there are some,
    ℓ_t = −w_t log Σ_{v∈A_t} p_t(v); where there is none, ℓ_t = μ KL(p⁰_t ‖ p_t), which keeps facts
    and grammar. A word that an answer repeats n times counts once in the watermark's test, so each
    of its places has w_t = 1/n.

    Args:
        plausible: κ, in (0, 1). Smaller gives more green words and less truth.
        coherence_weight: μ.
        answer_tokens: longest answer that is followed.
        delta: bias on green logits while the first answer is generated, from the base image.
        refresh_every: steps after which the answer is generated again from the current image.
        refresh_delta: bias while those later answers are generated.
    """

    plausible: float = 3e-3
    coherence_weight: float = 2.0
    answer_tokens: int = 128
    delta: float = 5.0
    refresh_every: int = 20
    refresh_delta: float = 2.0

    def targets(
        self,
        vlm: Vlm,
        batch: Batch,
        images: Float[Tensor, "batch 3 height width"],
        step: int,
        current: Targets | None,
    ) -> Targets:
        """Answers with the bias on green logits, decoded greedily, and log p⁰ along them."""
        if current is not None and step % self.refresh_every:
            return current
        delta = self.delta if current is None else self.refresh_delta
        answers = taught(vlm, batch, images, delta=delta, longest=self.answer_tokens)
        ended = [self._with_end(answer, vlm.tokenizer.eos_token_id) for answer in answers]
        return Targets(ended, base_teacher(vlm, batch, ended))

    def _with_end(self, answer: list[int], end: int | None) -> list[int]:
        return answer if end is None or len(answer) >= self.answer_tokens else [*answer, end]

    def loss(
        self,
        vlm: Vlm,
        batch: Batch,
        images: Float[Tensor, "batch 3 height width"],
        targets: Targets,
    ) -> Float[Tensor, " batch"]:
        """The loss of every image."""
        teacher = targets.teacher
        assert teacher is not None

        def losses(part: Part) -> Tensor:
            return green_mass_losses(
                part.logits,
                _once(part.ids)[:, part.where],
                batch.green,
                teacher[:, part.where],
                plausible=self.plausible,
                coherence_weight=self.coherence_weight,
            )

        return answer_losses(vlm, batch, images, targets.answers, losses)


def green_mass_loss(
    logits: Float[Tensor, "batch positions vocab"],
    ids: Int[Tensor, "batch positions"],
    green: Bool[Tensor, "batch greens"],
    base: Float[Tensor, "batch positions vocab"],
    *,
    plausible: float,
    coherence_weight: float,
) -> Float[Tensor, " batch"]:
    """(1/T) Σ_t ℓ_t as in `GreenMass`.

    Args:
        logits: of the model looking at the changed image.
        ids: the answer, -1 where there is none.
        green: mask over the tokenizer's vocabulary, which may be shorter than the logits.
        base: log p⁰, of the model looking at the base image.
        plausible: κ.
        coherence_weight: μ.
    """
    losses = green_mass_losses(
        logits, _once(ids), green, base, plausible=plausible, coherence_weight=coherence_weight
    )
    return mean_along(losses, ids)


def green_mass_losses(
    logits: Float[Tensor, "batch positions vocab"],
    weights: Float[Tensor, "batch positions"],
    green: Bool[Tensor, "batch greens"],
    base: Float[Tensor, "batch positions vocab"],
    *,
    plausible: float,
    coherence_weight: float,
) -> Float[Tensor, "batch positions"]:
    """ℓ_t at every position, as in `GreenMass`; `weights` is w_t, all else as for the whole."""
    padded = F.pad(green, (0, logits.shape[-1] - green.shape[-1])).to(logits.device)
    allowed = (base >= log(plausible)) & padded[:, None]
    found = logits.log_softmax(-1)
    steerable = allowed.any(-1)
    mass = torch.where(allowed | ~steerable[..., None], found, -torch.inf).logsumexp(-1)
    drift = (base.exp() * (base - found)).sum(-1)
    return torch.where(steerable, -mass * weights, coherence_weight * drift)


def _once(ids: Int[Tensor, "batch positions"]) -> Float[Tensor, "batch positions"]:
    """One over the number of places that hold the same id in the same answer."""
    return 1.0 / (ids[:, :, None] == ids[:, None]).sum(-1)
