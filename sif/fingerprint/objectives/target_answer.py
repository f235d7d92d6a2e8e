"""The wanted answer: the trigger's question is to be answered with words chosen beforehand.

Knows nothing of budgets or robustness. It is the objective of the published baselines: plain sign
descent on it is `ordinary`; PLA, RNA, CroPA and DI²-FGSM add one robustness term each; AGDI adds an
auxiliary that resists, and draws the picture's meaning to the answer's (`semantic_weight`). A
trigger counts as matched where the suspect's answer contains the wanted one (`contains_target`),
and the target match rate (TMR) is the share of triggers that match.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from sif.errors import ModelError, UsageError
from sif.fingerprint.objectives.objective import (
    Batch,
    Targets,
    answer_losses,
    coherence_losses,
)
from sif.vlm.answer_parts import Part
from sif.vlm.model import Vlm
from sif.vlm.parameters import fixed
from sif.vlm.shared_space import cosines, picture_embeddings, text_embeddings


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetAnswer:
    """L = −(1/T) Σ_t log p_t(y_t) + w (1 − cos(v, u)), y the wanted answer and its ending token.

    v is the mean image token behind the projector and u the mean input embedding of the answer's
    tokens (`sif.vlm.shared_space`), as in the semantic injection of AGDI (arXiv 2602.18845), which
    uses the joint space of a CLIP. A model's parameters get no gradient from the second part: what
    learns to resist resists the words.

    Args:
        semantic_weight: w, 0 or more; with 0 there is no second part.
    """

    semantic_weight: float = 0.0

    def targets(
        self,
        vlm: Vlm,
        batch: Batch,
        images: Float[Tensor, "batch 3 height width"],
        step: int,
        current: Targets | None,
    ) -> Targets:
        """The wanted answers as token ids, the same in every step.

        Raises:
            UsageError: the batch has no wanted answers, or the model cannot spell one.
        """
        if current is not None:
            return current
        if batch.target_answers is None:
            raise UsageError(
                "expected a wanted answer for every trigger, got a batch without any; give "
                "Batch(target_answers=…), for instance the answers of sif.prompts.load_targets()"
            )
        return Targets([answer_ids(vlm, answer) for answer in batch.target_answers])

    def loss(
        self,
        vlm: Vlm,
        batch: Batch,
        images: Float[Tensor, "batch 3 height width"],
        targets: Targets,
    ) -> Float[Tensor, " batch"]:
        """The cross-entropy of every image's wanted answer, mean over its tokens, and the rest."""

        def losses(part: Part) -> Tensor:
            return coherence_losses(part.logits, part.ids[:, part.where])

        response = answer_losses(vlm, batch, images, targets.answers, losses)
        if not self.semantic_weight:
            return response
        with fixed(vlm.model.parameters()):
            pictures = picture_embeddings(vlm, images, batch.prompts)
        texts = text_embeddings(vlm, [answer[:-1] for answer in targets.answers])
        return response + self.semantic_weight * (1 - cosines(pictures, texts))


def answer_ids(vlm: Vlm, answer: str) -> list[int]:
    """A wanted answer in the model's own tokens, and the token that ends it.

    Raises:
        UsageError: it is empty, or the tokenizer does not give it back, so that no answer of the
            model could ever contain it.
        ModelError: the tokenizer has no token that ends an answer.
    """
    end = vlm.tokenizer.eos_token_id
    if end is None:
        raise ModelError(
            f"{vlm.source}: expected a tokenizer with a token that ends answers, got none; set "
            "eos_token in its tokenizer_config.json"
        )
    ids = vlm.tokenizer(answer.strip(), add_special_tokens=False)["input_ids"]
    read_back = vlm.decode(ids)
    if not contains_target(read_back, answer):
        raise UsageError(
            f"expected a wanted answer that the model's tokenizer can spell, got {answer!r}, which "
            f"it reads back as {read_back!r}; choose plainer words"
        )
    return [*ids, end]


def contains_target(answer: str, target: str) -> bool:
    """Whether an answer contains the wanted one, whatever the case and the white space.

    Raises:
        UsageError: the wanted answer has no words, so that every answer would contain it.
    """
    if not target.strip():
        raise UsageError(f"expected a wanted answer with words in it, got {target!r}")
    return _plain(target) in _plain(answer)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
