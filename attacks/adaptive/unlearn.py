"""Unlearning what was disclosed: picture, prompt and green list of some triggers are known.

Two ways. `answers`: learn to answer the trigger as its base image is answered. `red`: raise the
words that would do at a place and are not green, which is gradient ascent on the green ones held
within truth and grammar. Both with ordinary examples beside. Knows nothing of undisclosed triggers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal

import numpy as np
import torch
from jaxtyping import Bool
from pydantic import ConfigDict, Field, SkipValidation
from torch import Tensor

from sif.attacks.adaptive.harmless_answers import Pair, answered_as_base, base_answers, still
from sif.attacks.weights.attack import Facts, Progress, WeightAttack, Workbench
from sif.attacks.weights.collate import Collator
from sif.attacks.weights.examples import Example, balanced
from sif.attacks.weights.finetune import finetune
from sif.attacks.weights.parts import language_parameters
from sif.attacks.weights.schedule import Training, learning_rate, number_of_steps, order_of_examples
from sif.errors import UsageError
from sif.fingerprint.objectives.green_mass import green_mass_loss
from sif.vlm.inputs import processor_options
from sif.vlm.model import Vlm
from sif.vlm.parameters import cast
from sif.vlm.pixels import to_tensor

PLAUSIBLE: Final = 5e-3
COHERENCE: Final = 2.0
DISCLOSED_AT_ONCE: Final = 8


@dataclass(frozen=True, eq=False, kw_only=True)
class Disclosed(Pair):
    """One trigger as its owner revealed it.

    Args:
        image: the trigger.
        base: the picture whose answer is taken for ordinary: the base image, which a revealed
            fingerprint holds, or the trigger purified.
        prompt: plain words.
        green: the green ids of its key.
    """

    green: Bool[np.ndarray, " vocab"]


class Unlearn(WeightAttack):
    """Tunes until the disclosed triggers are answered ordinarily.

    Attributes:
        way: learn the base images' answers, or raise red words.
        training: settings; `red` trains the language model alone, without an adapter.
        disclosed: triggers of one extent.
        ordinary: examples that are learnt beside, as many as disclosed ones in every batch.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: ClassVar[str] = "unlearn"

    way: Literal["answers", "red"]
    training: Training
    disclosed: Annotated[Sequence[Disclosed], SkipValidation, Field(exclude=True, repr=False)]
    ordinary: Annotated[Sequence[Example], SkipValidation, Field(exclude=True, repr=False)]

    def apply(self, model: Any, processor: Any, bench: Workbench) -> Facts:
        """Tunes in place.

        Raises:
            UsageError: nothing disclosed, or no ordinary examples.
        """
        if not self.disclosed or not self.ordinary:
            raise UsageError(
                f"expected disclosed triggers and ordinary examples, got {len(self.disclosed)} and "
                f"{len(self.ordinary)}"
            )
        vlm = Vlm(model, processor, "stolen")
        answers = base_answers(vlm, self.disclosed)
        learn = self._learn_answers if self.way == "answers" else self._raise_red
        losses = learn(vlm, answers, bench)
        return {"disclosed": len(self.disclosed), "steps": len(losses), "last_loss": losses[-1]}

    def _learn_answers(self, vlm: Vlm, answers: list[list[int]], bench: Workbench) -> list[float]:
        wanted = answered_as_base(vlm, self.disclosed, answers)
        return finetune(
            vlm.model,
            vlm.processor,
            balanced(wanted, self.ordinary),
            self.training,
            checkpoint=bench.scratch / "unlearning.safetensors",
            device=bench.device,
            report=bench.report,
        )

    def _raise_red(self, vlm: Vlm, answers: list[list[int]], bench: Workbench) -> list[float]:
        """A short training, begun anew after an interruption."""
        model, settings = vlm.model, self.training
        dtype = model.dtype
        with still(model):
            red_loss = _red_loss(vlm, self.disclosed, answers)
        model.float().requires_grad_(False)
        trained = list(language_parameters(model).values())
        for parameter in trained:
            parameter.requires_grad_(True)
        optimiser = torch.optim.AdamW(trained, weight_decay=settings.weight_decay)
        steps = number_of_steps(settings, len(self.ordinary))
        order = iter(order_of_examples(settings, len(self.ordinary), steps))
        collate = Collator(vlm.processor, processor_options(model))
        losses = list[float]()
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(settings, step, steps)
            some = [self.ordinary[next(order)] for _ in range(settings.batch_size)]
            batch = {name: value.to(vlm.device) for name, value in collate(some).items()}
            loss = red_loss(step) + model(**batch).loss
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, settings.clip)
            optimiser.step()
            losses.append(loss.item())
            bench.report(Progress(stage=self.name, step=step + 1, steps=steps, loss=losses[-1]))
        cast(model, dtype)
        model.requires_grad_(True)
        return losses


def _red_loss(
    vlm: Vlm, disclosed: Sequence[Disclosed], answers: Sequence[Sequence[int]]
) -> Callable[[int], Tensor]:
    """The loss of some disclosed triggers at each step: all in turn, a few at once."""
    groups = []
    for start in range(0, len(disclosed), DISCLOSED_AT_ONCE):
        some = disclosed[start : start + DISCLOSED_AT_ONCE]
        told = [list(a) or [vlm.tokenizer.eos_token_id] for a in answers[start:][: len(some)]]
        prompts = [one.prompt for one in some]
        with torch.no_grad():
            bases = to_tensor([vlm.prepare(one.base) for one in some]).to(vlm.device)
            usual = vlm.answer_logits(bases, prompts, told)[0].log_softmax(-1)
        images = to_tensor([vlm.prepare(one.image) for one in some]).to(vlm.device)
        groups.append((images, prompts, told, _red(vlm, some), usual))

    def loss(step: int) -> Tensor:
        images, prompts, told, red, usual = groups[step % len(groups)]
        logits, ids = vlm.answer_logits(images, prompts, told)
        return green_mass_loss(
            logits, ids, red, usual, plausible=PLAUSIBLE, coherence_weight=COHERENCE
        ).mean()

    return loss


def _red(vlm: Vlm, disclosed: Sequence[Disclosed]) -> Tensor:
    """Ids that are not green, and not special."""
    red = torch.from_numpy(np.stack([~one.green for one in disclosed]))
    red[:, [index for index in vlm.tokenizer.all_special_ids if index < red.shape[1]]] = False
    return red.to(vlm.device)
