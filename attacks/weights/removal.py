"""Removal of a fingerprint from a vision-language model: tuned to say the same with other features.

After RemovalNet (Yao et al. 2023, arXiv:2308.12319), which is for classifiers: the copy learns
answers and the stolen model's own likelihoods of every word of them, while its hidden states in the
middle of the language model are pushed away from the stolen model's. The paper alternates two
optimisations and moves decision boundaries too; here all losses are one, and a sequence of words
has no boundary to move. Two models are in memory. Knows nothing of files of examples or of folders.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

import torch
from jaxtyping import Float
from pydantic import ConfigDict, Field, SkipValidation
from torch import Tensor
from torch.nn import functional as F

from sif.attacks.weights.attack import Facts, WeightAttack, Workbench
from sif.attacks.weights.collate import IGNORED, Collator
from sif.attacks.weights.examples import Example, digest_examples, without_placeholders
from sif.attacks.weights.finetune import finetune
from sif.attacks.weights.schedule import Training
from sif.errors import ModelError
from sif.vlm.inputs import processor_options
from sif.vlm.placeholders import placeholders_of

MEASURED: Final = 16
BATCH: Final = 4
STATES: Final[Mapping[str, Any]] = {"output_hidden_states": True}


class Remove(WeightAttack):
    """Moves the hidden states and keeps the answers.

    Attributes:
        strength: of the loss on hidden states; that on words has the weight 1.
        training: how.
        examples: what is asked and answered.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: ClassVar[str] = "remove"

    strength: float = Field(default=1.0, gt=0, le=1000, allow_inf_nan=False)
    training: Training
    examples: Annotated[Sequence[Example], SkipValidation, Field(exclude=True, repr=False)]

    def apply(self, model: Any, processor: Any, bench: Workbench) -> Facts:
        """Tunes in place, with checkpoints on the bench; tells how far the states moved.

        Raises:
            UsageError: as of `finetune`.
            ModelError: likewise, or a model that does not give its hidden states.
        """
        examples = without_placeholders(self.examples, placeholders_of(processor))
        stolen = copy.deepcopy(model).eval().requires_grad_(False)
        losses = finetune(
            model,
            processor,
            examples,
            self.training,
            beside=_Away(stolen=stolen, strength=self.strength),
            checkpoint=bench.scratch / "removal.safetensors",
            device=bench.device,
            report=bench.report,
        )
        alike, agreed = compared(model, stolen, processor, examples[:MEASURED])
        return {
            "examples": len(self.examples),
            "examples_digest": digest_examples(self.examples),
            "steps": len(losses),
            "first_loss": losses[0],
            "last_loss": losses[-1],
            "states_alike": alike,
            "words_agreed": agreed,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Away:
    """The loss on likelihoods and hidden states."""

    stolen: Any
    strength: float

    @property
    def asks(self) -> Mapping[str, Any]:
        return STATES

    @property
    def decided_by(self) -> str:
        return f"remove {self.strength!r}"

    def __call__(self, outputs: Any, batch: Mapping[str, Any]) -> Tensor:
        self.stolen.to(batch["input_ids"].device)
        with torch.no_grad():
            own = self.stolen(**batch, **STATES)
        said, wanted = (_of_words(one.logits, batch).float() for one in (outputs, own))
        kept = F.kl_div(
            said.log_softmax(-1), wanted.log_softmax(-1), log_target=True, reduction="batchmean"
        )
        return kept + self.strength * _alike(_states(outputs, batch), _states(own, batch))


@torch.no_grad()
def compared(
    one: Any, other: Any, processor: Any, examples: Sequence[Example]
) -> tuple[float, float]:
    """How alike two models are on examples: in their middle hidden states, and in what they say.

    Args:
        one: a vision-language model.
        other: of the same shape, on any device.
        processor: of both.
        examples: at least one.

    Returns:
        Mean cosine of the hidden states, with opposed ones as 0; and the share of the answers'
        words in whose place both hold the same word for the likeliest.

    Raises:
        ModelError: a model does not give its hidden states.
    """
    collate, alike, agreed = Collator(processor, processor_options(one)), [], []
    other.to(one.device)
    for start in range(0, len(examples), BATCH):
        batch = {
            name: value.to(one.device, one.dtype if value.is_floating_point() else None)
            for name, value in collate(examples[start : start + BATCH]).items()
        }
        first, second = one(**batch, **STATES), other(**batch, **STATES)
        alike.append(_cosines(_states(first, batch), _states(second, batch)))
        said = [_of_words(each.logits, batch).argmax(-1) for each in (first, second)]
        agreed.append(said[0] == said[1])
    return float(torch.cat(alike).mean()), float(torch.cat(agreed).float().mean())


def _alike(
    one: Float[Tensor, "tokens hidden"], other: Float[Tensor, "tokens hidden"]
) -> Float[Tensor, ""]:
    return _cosines(one, other).mean()


def _cosines(
    one: Float[Tensor, "tokens hidden"], other: Float[Tensor, "tokens hidden"]
) -> Float[Tensor, " tokens"]:
    return F.cosine_similarity(one.float(), other.float(), dim=-1).relu()


def _states(outputs: Any, batch: Mapping[str, Any]) -> Float[Tensor, "tokens hidden"]:
    """Of the language model's middle, at every position that holds a token."""
    states = getattr(outputs, "hidden_states", None)
    if not states:
        raise ModelError(
            "expected a model that gives its hidden states, got none; removal cannot be tried on it"
        )
    middle: Tensor = states[len(states) // 2]
    return middle[batch["attention_mask"].bool()]


def _of_words(
    logits: Float[Tensor, "batch positions vocab"], batch: Mapping[str, Any]
) -> Float[Tensor, "words vocab"]:
    """The logits from which each word of the answers is drawn."""
    return logits[:, :-1][batch["labels"][:, 1:] != IGNORED]
